"""`instrument install-startup`: programs of an environment are traced if they ask for it, and no other is touched."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from instrument.store import Reader
from tests.examples.sink import LIMIT, ROOT

MODULE = "def place():\n    return 14\n"
PLACE = "import orders; print(orders.place())"
IS_THERE = "import sys; print('instrument' in sys.modules)"
SPAWNS = """
import multiprocessing, orders
if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=orders.place)
    child.start()
    child.join()
    print(child.exitcode)
"""


class Environment:
    """A virtual environment that has the package, and no pip."""

    def __init__(self, folder):
        self.folder = folder
        command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(command, check=True, timeout=LIMIT, capture_output=True)
        [self.packages] = [*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]
        self.link = self.packages / "a_tree.pth"
        self.link.write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
        (self.packages / "orders.py").write_text(MODULE, encoding="utf-8")

    def run(self, *words, **variables):
        """Exit code, standard output and standard error of the environment's Python."""
        python = self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        done = subprocess.run(
            [str(python), *words],
            cwd=self.folder,
            env={"XDG_STATE_HOME": str(self.folder), "INSTRUMENT_SHUTDOWN_TIMEOUT": "30", **variables},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def traced(self, *words, **variables):
        """What was said, and the names of what was recorded, with `INSTRUMENT_AUTO=1`."""
        path = self.folder / "traces.db"
        path.unlink(missing_ok=True)
        traced = {"INSTRUMENT_AUTO": "1", "INSTRUMENT_TRACE": "orders:place", "INSTRUMENT_EXPORTER": "local"}
        said = self.run(*words, INSTRUMENT_STORE_PATH=str(path), **traced, **variables)
        if not path.exists():
            return said, []
        with Reader(path) as reader:
            return said, [summary.name for summary in reader.recent(10)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    made = Environment(tmp_path_factory.mktemp("environment"))
    code, out, errors = made.run("-m", "instrument", "install-startup")
    assert (code, errors) == (0, "") and str(made.packages) in out
    return made


@pytest.mark.parametrize("value", ["", "0", "true", None])
def test_without_the_variable_nothing_is_imported(environment, value):
    variables = {} if value is None else {"INSTRUMENT_AUTO": value}
    assert environment.run("-c", IS_THERE, **variables) == (0, "False", "")


@pytest.mark.parametrize("flag", ["-B", "-E", "-I", "-s"])
def test_with_the_variable_a_program_is_traced_whatever_it_ignores(environment, flag):
    assert environment.traced(flag, "-c", PLACE) == ((0, "14", ""), ["place"])


def test_without_site_no_program_is_traced(environment):
    assert environment.run("-S", "-c", IS_THERE, INSTRUMENT_AUTO="1") == (0, "False", "")


def test_the_processes_of_a_program_are_traced(environment):
    program = environment.folder / "spawns.py"
    program.write_text(SPAWNS, encoding="utf-8")
    assert environment.traced(str(program)) == ((0, "0", ""), ["place"])
    calls = f"import subprocess, sys; print(subprocess.check_output([sys.executable, '-I', '-c', {PLACE!r}], env=None))"
    assert environment.traced("-c", calls)[1] == ["place"]


def test_under_run_it_begins_once(environment):
    assert environment.traced("-m", "instrument", "run", "-c", PLACE) == ((0, "14", ""), ["place"])


def test_the_users_own_start_still_runs(environment):
    own = environment.packages / "sitecustomize.py"
    own.write_text("print('mine')", encoding="utf-8")
    try:
        assert environment.run("-c", IS_THERE, INSTRUMENT_AUTO="1") == (0, "mine\nTrue", "")
        assert environment.run("-c", IS_THERE) == (0, "mine\nFalse", "")
    finally:
        own.unlink()


def test_a_wrong_setting_is_one_line_and_the_program_runs(environment):
    code, out, errors = environment.run("-c", "print(1)", INSTRUMENT_AUTO="1", INSTRUMENT_DSN="nonsense")
    assert (code, out) == (0, "1")
    assert len(errors.splitlines()) == 1 and "INSTRUMENT_DSN" in errors


def test_a_broken_library_is_one_line_and_the_program_runs(environment, tmp_path):
    (tmp_path / "attrs.py").write_text("raise RuntimeError('half installed')", encoding="utf-8")
    (tmp_path / "attr.py").write_text("raise RuntimeError('half installed')", encoding="utf-8")
    code, out, errors = environment.run("-c", "print(1)", INSTRUMENT_AUTO="1", PYTHONPATH=str(tmp_path))
    assert (code, out, errors) == (0, "1", "instrument: not started: RuntimeError: half installed")


def test_when_the_package_is_gone_its_file_is_silent(environment):
    text = environment.link.read_text("utf-8")
    environment.link.unlink()
    try:
        assert environment.run("-c", "print(1)", INSTRUMENT_AUTO="1") == (0, "1", "")
    finally:
        environment.link.write_text(text, encoding="utf-8")


def test_it_is_installed_once_and_removed_without_a_trace(environment):
    def files():
        return {path for path in Path(environment.packages).iterdir() if path.name != "__pycache__"}

    before = files()
    assert environment.run("-m", "instrument", "install-startup")[0] == 0
    assert files() == before
    assert environment.run("-m", "instrument", "remove-startup")[0] == 0
    [gone] = before - files()
    assert environment.run("-c", IS_THERE, INSTRUMENT_AUTO="1") == (0, "False", "")
    code, out, errors = environment.run("-m", "instrument", "remove-startup")
    assert (code, errors) == (0, "") and "nothing to undo" in out
    gone.mkdir()
    try:
        for command in ("install-startup", "remove-startup"):
            code, out, errors = environment.run("-m", "instrument", command)
            assert (code, out) == (1, "") and errors.startswith(f"instrument: {gone} cannot be")
    finally:
        gone.rmdir()
    assert environment.run("-m", "instrument", "install-startup")[0] == 0
    assert files() == before
