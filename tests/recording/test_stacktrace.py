"""Frames: what they say, which are the program's own, which are left out, and what reading them costs."""

import linecache
import os
import sys
import textwrap
import types

import pytest

from instrument import _guard
from instrument._value import evolve
from instrument.recording import stacktrace
from instrument.recording.stacktrace import FrameReader, FrameRules

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = FrameRules(project_root=HERE)


def caught(function, *args):
    try:
        function(*args)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def frames_of(error, rules=RULES):
    return FrameReader(rules).from_traceback(error.__traceback__)


def load(tmp_path, source, name="shop.cart", path=None):
    """Run a module from a file, as an import would."""
    file = tmp_path / (path or name.replace(".", "/") + ".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(source), encoding="utf-8")
    module = types.ModuleType(name)
    module.__file__ = str(file)
    exec(compile(file.read_text("utf-8"), str(file), "exec"), module.__dict__)
    return module


LINES = """\
# 1
# 2
# 3
# 4
# 5
# 6
def fail(amount):
    tax = amount * 2  # 8
    raise ValueError(tax)  # 9
    # 10
    # 11
    # 12
    # 13
    # 14
    # 15
"""


def test_a_frame_says_where_and_shows_the_source_around_it_and_the_locals(tmp_path):
    module = load(tmp_path, LINES)
    frame = frames_of(caught(module.fail, 21), FrameRules(project_root=str(tmp_path)))[-1]
    assert frame == {
        "filename": "shop/cart.py",
        "abs_path": str(tmp_path / "shop/cart.py"),
        "function": "fail",
        "module": "shop.cart",
        "lineno": 9,
        "in_app": True,
        "pre_context": ["# 4", "# 5", "# 6", "def fail(amount):", "    tax = amount * 2  # 8"],
        "context_line": "    raise ValueError(tax)  # 9",
        "post_context": ["    # 10", "    # 11", "    # 12", "    # 13", "    # 14"],
        "vars": {"amount": 21, "tax": 42},
    }


def test_the_line_is_the_one_of_the_traceback_and_not_where_the_frame_is_now():
    def go_on():
        try:
            raise ValueError
        except ValueError as error:
            frames = frames_of(error)
            return frames[-1]["context_line"]

    assert go_on().strip() == "raise ValueError"


def test_the_frame_that_raised_is_last():
    def inner():
        raise ValueError

    def outer():
        inner()

    assert [frame["function"] for frame in frames_of(caught(outer))] == ["caught", "outer", "inner"]


def test_source_and_locals_can_be_left_out():
    rules = evolve(RULES, include_source_context=False, include_local_variables=False)
    frame = frames_of(caught(int, "x"), rules)[-1]
    assert set(frame) == {"filename", "abs_path", "function", "module", "lineno", "in_app"}


def test_a_file_is_read_once(tmp_path):
    module = load(tmp_path, LINES)
    frames_of(caught(module.fail, 1))
    (tmp_path / "shop/cart.py").write_text("changed\n" * 20)
    linecache.clearcache()
    assert frames_of(caught(module.fail, 1))[-1]["context_line"] == "    raise ValueError(tax)  # 9"


def test_the_files_kept_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(stacktrace, "CACHED_FILES", 3)
    monkeypatch.setattr(stacktrace, "_lines", {})
    for number in range(10):
        frames_of(caught(load(tmp_path, LINES, f"module{number}").fail, 1))
    assert len(stacktrace._lines) == 3


def test_source_comes_from_the_loader_when_there_is_no_file():
    class Loader:
        def get_source(self, name):
            return f"# {name}\ndef fail(): raise ValueError\n"

    source = Loader().get_source("zipped")
    module = {"__name__": "zipped", "__loader__": Loader()}
    exec(compile(source, "archive.zip/zipped.py", "exec"), module)
    assert frames_of(caught(module["fail"]))[-1]["context_line"] == "def fail(): raise ValueError"


def test_a_loader_that_fails_costs_the_source_and_nothing_else(monkeypatch):
    monkeypatch.setattr(_guard, "strict", False)

    class Loader:
        def get_source(self, name):
            raise RuntimeError

    module = {"__name__": "broken", "__loader__": Loader()}
    exec(compile("def fail(): raise ValueError", "nowhere/broken.py", "exec"), module)
    frame = frames_of(caught(module["fail"]))[-1]
    assert frame["function"] == "fail"
    assert "context_line" not in frame


def test_a_line_of_a_minified_file_is_cut(tmp_path):
    module = load(tmp_path, f"def fail(): raise ValueError  # {'ä' * 5000}\n")
    assert len(frames_of(caught(module.fail))[-1]["context_line"]) <= 512


RULE_CASES = {
    "the project": ({}, "shop.cart", "/srv/shop/cart.py", True),
    "site-packages": ({}, "lib", "/srv/shop/venv/lib/site-packages/lib.py", False),
    "dist-packages": ({}, "lib", "/usr/lib/python3/dist-packages/lib.py", False),
    "the standard library": ({}, "json", os.path.join(os.path.dirname(os.__file__), "json", "__init__.py"), False),
    "a frozen module": ({}, "importlib._bootstrap", "<frozen importlib._bootstrap>", False),
    "elsewhere": ({}, "other", "/opt/other.py", None),
    "a neighbour with a longer name": ({}, "other", "/srv/shopping/other.py", None),
    "typed in": ({}, "__main__", "<stdin>", None),
    "no path": ({}, "shop", None, None),
    "included": ({"in_app_include": ("lib",)}, "lib.sub", "/x/site-packages/lib/sub.py", True),
    "included, another name": ({"in_app_include": ("lib",)}, "library", "/x/site-packages/library.py", False),
    "excluded": ({"in_app_exclude": ("shop.vendor",)}, "shop.vendor.x", "/srv/shop/vendor/x.py", False),
    "included beats excluded": ({"in_app_include": ("a",), "in_app_exclude": ("a",)}, "a", "/x.py", True),
    "included without a path": ({"in_app_include": ("a",)}, "a", None, True),
}


@pytest.mark.parametrize(("rules", "module", "path", "expected"), RULE_CASES.values(), ids=RULE_CASES)
def test_in_app_is_decided_by_the_first_rule_that_fits(rules, module, path, expected):
    assert FrameRules(project_root="/srv/shop", **rules).in_app(module, path) is expected


def test_a_project_that_holds_the_standard_library_does_not_own_it():
    assert FrameRules(project_root="/").in_app("json", os.path.dirname(os.__file__) + "/json/__init__.py") is False


def test_frames_of_the_standard_library_are_marked():
    import json

    by_function = {frame["function"]: frame for frame in frames_of(caught(json.loads, "x"))}
    assert by_function["caught"]["in_app"] is True
    assert by_function["raw_decode"]["in_app"] is False
    assert by_function["raw_decode"]["filename"] == "json/decoder.py"
    assert by_function["loads"]["filename"] == "json/__init__.py"


@pytest.mark.parametrize("name", ["__traceback_hide__", "__tracebackhide__"])
def test_a_frame_that_hides_itself_is_skipped(name):
    scope = {"__name__": "hiding"}
    exec(f"def hidden(inner):\n    {name} = True\n    inner()", scope)
    exec(f"def shown(inner):\n    {name} = False\n    scope_of = inner\n    scope_of()", scope)

    def fail():
        raise ValueError

    names = [frame["function"] for frame in frames_of(caught(scope["shown"], lambda: scope["hidden"](fail)))]
    assert names == ["caught", "shown", "<lambda>", "fail"]


def test_our_own_frames_are_skipped_but_not_those_of_the_demo():
    def fail():
        raise ValueError

    def run(module):
        scope = {"__name__": module}
        exec("def ours(inner):\n    inner()", scope)
        return [frame["function"] for frame in frames_of(caught(scope["ours"], fail))]

    assert run("instrument.recording.traced") == ["caught", "fail"]
    assert run("instrument.cli.demo.worker") == ["caught", "ours", "fail"]
    assert run("instrumental") == ["caught", "ours", "fail"]


def recursing(levels):
    if levels:
        return recursing(levels - 1)
    raise ValueError


def test_a_deep_recursion_keeps_both_ends_and_says_what_is_missing():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        frames = frames_of(caught(recursing, 3000), evolve(RULES, include_local_variables=True))
    finally:
        sys.setrecursionlimit(before)
    assert len(frames) == 250
    assert frames[0]["function"] == "caught"
    assert frames[124]["vars"]["..."] == "2752 frames left out here"
    assert frames[-1]["vars"] == {"levels": 0}


def test_250_frames_are_kept_whole():
    frames = frames_of(caught(recursing, 248))
    assert len(frames) == 250
    assert all("..." not in frame.get("vars", {}) for frame in frames)


def test_the_newest_fifty_frames_show_their_locals():
    frames = frames_of(caught(recursing, 100))
    assert [bool(frame.get("vars")) for frame in frames] == [False] * 52 + [True] * 50


def test_locals_are_bounded_and_nothing_of_theirs_is_called():
    class Hostile:
        def __repr__(self):
            raise SystemExit

        __str__ = __eq__ = __hash__ = __getattribute__ = __repr__

    def fail():
        stranger = Hostile()
        loop = []
        loop.append(loop)
        large = ["x" * 1_000_000] * 1000
        raise ValueError(len([stranger, loop, large]))

    shown = frames_of(caught(fail))[-1]["vars"]
    assert shown["stranger"].startswith("<") and shown["stranger"].endswith(".Hostile>")
    assert len(repr(shown)) < 20_000
    assert shown["loop"] == ["<cycle to list>"]


def test_the_locals_of_a_module_come_without_its_dunder_names(tmp_path):
    with pytest.raises(ZeroDivisionError) as caught_here:
        load(tmp_path, "answer = 42\nanswer / 0\n", "script")
    assert frames_of(caught_here.value)[-1]["vars"] == {"answer": 42}


def test_a_namespace_of_the_programs_own_is_not_read():
    class Namespace(dict):
        def __getitem__(self, name):
            if name == "fail":
                raise LookupError("asked")
            return dict.__getitem__(self, name)

        items = keys = get = __iter__ = None

    frames = frames_of(caught(exec, "fail", {}, Namespace()))
    assert [(frame["function"], frame["vars"]) for frame in frames[-2:-1]] == [("<module>", {})]


def test_the_current_stack_reads_like_a_traceback():
    def here():
        return FrameReader(RULES).from_stack(sys._getframe())

    frames = here()
    assert frames[-1]["function"] == "here"
    assert frames[-2]["function"] == "test_the_current_stack_reads_like_a_traceback"
    assert frames[-2]["context_line"] == "    frames = here()"


def test_rules_know_the_working_folder_and_do_without_one(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert FrameRules().project_root == str(gone)
    gone.rmdir()
    assert FrameRules().project_root is None
    assert FrameRules().in_app("shop", "/srv/shop.py") is None
