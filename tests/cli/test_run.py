"""`instrument run`: a program cannot tell it from `python`, except that what it does is recorded."""

import importlib.util
import multiprocessing
import subprocess
import sys
import zipfile

import pytest

from instrument.cli.main import main
from instrument.store.reading import Reader
from tests.examples.sink import LIMIT, environment

SHOW = """
import json, pickle, sys

class Point:
    pass

print({name: repr(value).split(" at ")[0] for name, value in sorted(globals().items())})
print(sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is globals(), type(pickle.loads(pickle.dumps(Point()))))
print(repr(sys.stdin.read()), sys.stdin.isatty(), sys.excepthook.__module__)
"""

STARTS = multiprocessing.get_all_start_methods()

FILES = {
    "show.py": SHOW,
    "folder/__main__.py": SHOW,
    "package/__init__.py": "print('package', __name__)",
    "package/__main__.py": "from . import inner\n" + SHOW,
    "package/inner.py": "",
    "raises.py": "def work():\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
    "        raise ImportError('gone', name='rich') from error\nwork()\n",
    "broken_pipe.py": "raise BrokenPipeError(32, 'nobody reads')\n",
    "syntax.py": "def (:\n",
    "leaves.py": "import atexit, sys\natexit.register(print, 'bye')\nsys.exit(eval(sys.argv[1]))\n",
    "killed.py": "import os, signal, sys\nprint('here', flush=True)\nos.kill(os.getpid(), int(sys.argv[1]))\n",
    "hook.py": "import sys\n"
    "def hook(kind, error, trace):\n"
    "    print(kind, error, trace.tb_lineno, trace.tb_next, error.__traceback__ is trace, sys.excepthook is hook)\n"
    "sys.excepthook = hook\n"
    "raise KeyError(1)\n",
    "spawns.py": "import multiprocessing\n"
    "class Point:\n    pass\n"
    "def make(_):\n    return Point()\n"
    "if __name__ == '__main__':\n"
    "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
    "        print(type(pool.map(make, [1])[0]) is Point)\n",
    "placed.py": "import multiprocessing, sys\n"
    "from work.orders import Order, place\n"
    "if __name__ == '__main__':\n"
    "    child = multiprocessing.get_context(sys.argv[1]).Process(target=place, args=(1,))\n"
    "    child.start()\n    child.join()\n    print(child.exitcode)\n"
    "    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:\n"
    "        print(pool.map(place, [2]), pool.apply(Order.price))\n"
    "        pool.close()\n        pool.join()\n",
    "future.py": "def f(x: int): ...\nprint(f.__annotations__)\n",
    "test_tiny.py": "def test_nothing():\n    assert __name__ == 'test_tiny'\n",
    "work/__init__.py": "",
    "work/orders.py": "import asyncio\n"
    "def place(count):\n    return Order(count).total()\n"
    "class Order:\n"
    "    def __init__(self, count):\n        self.count = count\n"
    "    def total(self):\n        return self.count * self.price()\n"
    "    @staticmethod\n    def price():\n        return 7\n"
    "    @classmethod\n    async def load(cls):\n        await asyncio.sleep(0)\n        return cls.__name__\n",
    "uses.py": "import asyncio, pickle\nfrom work.orders import Order, place\n"
    "print(place(2), asyncio.run(Order.load()), pickle.loads(pickle.dumps(place)) is place)\n",
}

PROGRAMS = {
    "a script": ["show.py", "a", "-m", "--", "--help", "-c"],
    "a script in another folder": ["folder/__main__.py"],
    "a folder": ["folder", "a"],
    "a zip file": ["folder.zip", "a"],
    "a package": ["-m", "package", "--", "--help"],
    "a module": ["-m", "package.inner"],
    "a text": ["-c", "import sys; print(sys.argv, sys.path[0], sorted(globals()))", "--", "-m", "a"],
    "a text, joined": ["-cprint(1)"],
    "its standard input": ["-", "a"],
    "no such file": ["nowhere.py"],
    "no such module": ["-m", "nowhere.at_all"],
    "a package without __main__": ["-m", "work"],
    "future statements of ours": ["future.py"],
    "an exception": ["raises.py"],
    "an exception in a module": ["-m", "raises"],
    "an exception in a text": ["-c", "1 / 0"],
    "an exception that our commands know": ["broken_pipe.py"],
    "a syntax error": ["syntax.py"],
    "a hook of its own": ["hook.py"],
    "exit 3": ["leaves.py", "3"],
    "exit with words": ["leaves.py", "'words'"],
    "exit with nothing": ["leaves.py", "None"],
    "interrupted": ["killed.py", "2"],
    "terminated": ["killed.py", "15"],
    "killed": ["killed.py", "9"],
    "spawn": ["spawns.py"],
    "json.tool": ["-m", "json.tool"],
    "http.server": ["-m", "http.server", "--help"],
    "pytest": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "test_tiny.py", "--co"],
}
if importlib.util.find_spec("pip"):
    PROGRAMS["pip"] = ["-m", "pip", "--version"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("programs")
    for name, text in FILES.items():
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text(text, encoding="utf-8")
    with zipfile.ZipFile(made / "folder.zip", "w") as archive:
        archive.writestr("__main__.py", SHOW)
    return made


def ended(folder, *words, **variables):
    """How a program ended, and what it said; without the names and times that differ from one run to the next."""
    done = subprocess.run(
        [sys.executable, "-X", "utf8", *words],
        cwd=folder,
        env=environment(PYTHONDONTWRITEBYTECODE="1", **variables),
        input='["text"]',
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if "collected in" not in line]
    return done.returncode, lines, done.stderr.splitlines()


def recorded(path):
    """The recorded transactions by name, each with the names of the spans in it."""
    found = {}
    with Reader(path) as reader:
        for summary in reader.recent(100):
            for root in reader.trace(summary.trace_id).roots:
                found[root.name] = [child.name for child in root.children]
    return found


@pytest.mark.parametrize("words", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_says_and_ends_as_it_does_without_us(folder, words):
    variables = {"INSTRUMENT_DEFAULT_INTEGRATIONS": "no"} if words == ["hook.py"] else {}
    assert ended(folder, "-m", "instrument", "run", *words, **variables) == ended(folder, *words)


def test_named_functions_are_traced(folder, tmp_path):
    names = "work.orders:place, work.orders:Order.total,work.orders:Order.price,work.orders:Order.load"
    path = tmp_path / "traces.db"
    variables = {"INSTRUMENT_TRACE": names, "INSTRUMENT_EXPORTER": "local", "INSTRUMENT_STORE_PATH": str(path)}
    assert ended(folder, "-m", "instrument", "run", "uses.py", **variables) == (0, ["14 Order True"], [])
    assert recorded(path) == {"place": ["Order.total"], "Order.load": []}


@pytest.mark.parametrize("method", [one for one in ("fork", "spawn", "forkserver") if one in STARTS])
def test_named_functions_are_traced_in_child_processes(folder, tmp_path, method):
    path = tmp_path / "traces.db"
    variables = {"INSTRUMENT_TRACE": "work.orders:place,work.orders:Order.price", "INSTRUMENT_EXPORTER": "local"}
    said = ended(folder, "-m", "instrument", "run", "placed.py", method, INSTRUMENT_STORE_PATH=str(path), **variables)
    assert said == (0, ["0", "[14] 7"], [])
    with Reader(path) as reader:
        traces = [reader.trace(summary.trace_id).roots for summary in reader.recent(100)]
    names = [(root.name, [child.name for child in root.children]) for roots in traces for root in roots]
    assert sorted(names) == [("Order.price", []), ("place", ["Order.price"]), ("place", ["Order.price"])]


def test_a_name_that_leads_nowhere_is_told_and_the_program_runs(folder):
    names = "work.orders:plaice,work.orders,__main__:main,nowhere:at_all,work.orders:Order.total.more"
    code, out, told = ended(folder, "-m", "instrument", "run", "uses.py", INSTRUMENT_TRACE=names)
    assert (code, out) == (0, ["14 Order True"])
    assert [line.partition(" is not traced: ")[0] for line in told] == [
        "work.orders",
        "__main__:main",
        "work.orders:plaice",
        "work.orders:Order.total.more",
    ]


def test_an_error_that_ends_the_program_is_recorded(folder, tmp_path):
    path = tmp_path / "traces.db"
    variables = {"INSTRUMENT_EXPORTER": "local", "INSTRUMENT_STORE_PATH": str(path)}
    assert ended(folder, "-m", "instrument", "run", "raises.py", **variables)[0] == 1
    with Reader(path) as reader:
        [summary] = reader.recent(10)
        [error] = reader.trace(summary.trace_id).errors
    frames = error.event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert [frame["function"] for frame in frames] == ["<module>", "work"]


def test_a_wrong_setting_is_told_and_the_program_runs(folder):
    code, out, told = ended(folder, "-m", "instrument", "run", "-c", "print(1)", INSTRUMENT_DSN="nonsense")
    assert (code, out) == (0, ["1"])
    assert len(told) == 1 and "INSTRUMENT_DSN" in told[0] and "without being traced" in told[0]


@pytest.mark.parametrize("words", [[], ["--"], ["-m"], ["-x", "show.py"]], ids=" ".join)
def test_without_a_program_it_says_what_is_missing(capsys, words):
    assert main(["run", *words]) == 2
    assert "instrument run [-m module" in capsys.readouterr().err
