"""How patches are applied, undone, listed, and kept from hurting anybody."""

import _thread
import copy
import functools
import http.client
import importlib
import inspect
import json
import logging
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import wrapt

import instrument
from instrument import _guard
from instrument.exporters import Memory
from instrument.patches import Around, LibraryPatch, Rewrite, register
from tests.contracts.web import LIMIT

ROOT = Path(__file__).parents[2]
LIBRARY = '''
class Base:
    def inherited(self):
        return "inherited"

class Thing(Base):
    def plain(self, x=0):
        """What it does."""
        return x + 1

    @staticmethod
    def static(x):
        return x

    @classmethod
    def made(cls, x):
        return cls, x

    def broken(self):
        raise KeyError("as ever")

def function(x):
    return x

builtin = sorted
'''


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library of its own for each test, not imported yet; called it is imported."""
    name = f"library_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(LIBRARY, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    def load():
        return importlib.import_module(name)

    load.name = name
    yield load
    instrument.unpatch()
    sys.modules.pop(name, None)


class Watching(LibraryPatch):
    def __init__(self, name, *targets, fails=False):
        super().__init__()
        self.name = name
        self.targets = targets or ("Thing.plain",)
        self.fails = fails
        self.seen = []

    def hooks(self):
        return [Around(target, self.before, self.after) for target in self.targets]

    def before(self, instance, args, kwargs):
        self.seen.append(("before", args, kwargs))
        if self.fails:
            raise RuntimeError("our mistake")
        return "state"

    def after(self, state, result, error):
        self.seen.append((state, result, type(error).__name__))


def start(*patches, **options):
    return instrument.init(exporter=Memory(), integrations=patches, default_integrations=False, **options)


def state_of(name):
    (state,) = (state for state in instrument.patches() if state.name == name)
    return state


def test_a_library_that_is_there_is_patched_at_once_and_one_that_is_not_when_it_comes(library):
    patch = Watching(library.name)
    start(patch)
    assert state_of(library.name).state == "waiting"
    assert "waits" in state_of(library.name).why
    assert library().Thing().plain(1) == 2
    assert state_of(library.name).state == "on"
    assert patch.seen == [("before", (1,), {}), ("state", 2, "NoneType")]
    other = Watching(library.name)
    start(other)
    assert library().Thing().plain(2) == 3
    assert (len(patch.seen), len(other.seen)) == (2, 2)


def test_applied_twice_is_applied_once(library):
    patch = Watching(library.name)
    start(patch)
    start(patch)
    library()
    start(patch)
    instrument.patch(library.name)
    library().Thing().plain()
    assert len(patch.seen) == 2
    assert state_of(library.name).calls == 1


def test_taken_off_the_library_is_exactly_as_it_was(library):
    thing = library().Thing
    before = dict(vars(thing))
    targets = ("Thing.plain", "Thing.static", "Thing.made", "Thing.inherited", "Thing.broken", "function")
    function = library().function
    start(Watching(library.name, *targets))
    assert dict(vars(thing)) != before
    assert "inherited" in vars(thing)
    instrument.unpatch(library.name)
    assert dict(vars(thing)) == before
    assert library().function is function
    assert state_of(library.name).state == "off"
    assert state_of(library.name).why == "taken off by unpatch"
    instrument.patch(library.name)
    assert state_of(library.name).state == "on"


@pytest.mark.parametrize("is_light", [False, True])
def test_what_is_patched_looks_and_works_as_before(library, is_light):
    thing = library().Thing
    before = dict(vars(thing))
    signature, doc = inspect.signature(thing.plain), thing.plain.__doc__
    patch = Watching(library.name, "Thing.plain", "Thing.static", "Thing.made", "Thing.inherited", "Thing.broken")
    patch.is_light = is_light
    start(patch)
    start(patch)
    assert inspect.isfunction(thing.plain) and inspect.ismethod(thing().plain) and inspect.isroutine(thing.static)
    assert (inspect.signature(thing.plain), thing.plain.__doc__, thing.plain.__name__) == (signature, doc, "plain")
    assert (thing().plain(x=4), thing.static(1), thing().made(2), thing().inherited()) == (
        5,
        1,
        (thing, 2),
        "inherited",
    )
    with pytest.raises(KeyError, match="as ever"):
        thing().broken()
    assert patch.seen[-1] == ("state", None, "KeyError")
    assert state_of(library.name).calls == 5
    instrument.unpatch(library.name)
    assert dict(vars(thing)) == before


@pytest.mark.parametrize("is_light", [False, True])
def test_a_callable_that_is_no_function_of_pythons_does_not_become_a_method(library, is_light):
    module = library()
    before = module.builtin
    patch = Watching(library.name, "builtin", "function")
    patch.is_light = is_light
    start(patch)

    class Holder:
        held = module.builtin
        method = module.function

    assert (Holder().held([3, 1]), module.builtin([2, 1], reverse=True)) == ([1, 3], [2, 1])
    assert type(Holder().method()) is Holder
    assert (inspect.isbuiltin(module.builtin), module.builtin.__name__, repr(module.builtin)) == (
        True,
        "sorted",
        repr(before) if is_light else repr(module.builtin),
    )
    assert inspect.signature(module.builtin) == inspect.signature(sorted)
    instrument.unpatch(library.name)
    assert module.builtin is before


def test_what_is_wrapped_in_any_program_can_still_be_copied_and_pickled():
    instrument.init(exporter=Memory())
    for one in (threading.Thread.start, _thread.start_new_thread, logging.Logger.callHandlers):
        assert state_of("threading").state == "on"
        assert pickle.loads(pickle.dumps(one)) is one
        assert copy.deepcopy(one) is one


@pytest.mark.parametrize("is_light", [False, True])
def test_arguments_can_be_rewritten(library, is_light):
    class Doubling(LibraryPatch):
        name = library.name

        def hooks(self):
            return [Rewrite("function", lambda _, args, kwargs: ((args[0] * 2,), kwargs) if args else None)]

    Doubling.is_light = is_light
    library()
    start(Doubling())
    assert (library().function(4), library().function(x=4)) == (8, 4)


def test_a_patch_that_fails_hurts_nobody_and_takes_itself_off_after_ten_faults(library, monkeypatch, caplog):
    monkeypatch.setattr(_guard, "strict", False)
    patch = Watching(library.name, fails=True)
    library()
    original = vars(library().Thing)["plain"]
    start(patch)
    with caplog.at_level(logging.ERROR, logger="instrument"):
        for number in range(9):
            assert library().Thing().plain(number) == number + 1
        assert (state_of(library.name).state, state_of(library.name).faults) == ("on", 9)
        for number in range(5):
            assert library().Thing().plain(number) == number + 1
    assert vars(library().Thing)["plain"] is original
    state = state_of(library.name)
    assert (state.state, state.faults, state.calls) == ("off", 10, 10)
    assert "took itself off after 10 faults" in state.why
    assert len([record for record in caplog.records if "took itself off" in record.getMessage()]) == 1


def test_under_our_own_tests_a_fault_is_loud(library):
    start(Watching(library.name, fails=True))
    with pytest.raises(RuntimeError, match="our mistake"):
        library().Thing().plain()


@pytest.mark.parametrize("target", ["Thing.gone", "Gone.plain", "gone"])
def test_a_target_that_is_gone_leaves_the_library_alone_and_is_told(library, target):
    before = dict(vars(library().Thing))
    start(Watching(library.name, "Thing.plain", target))
    assert dict(vars(library().Thing)) == before
    state = state_of(library.name)
    assert state.state == "off"
    assert target.rpartition(".")[2] in state.why or target.partition(".")[0] in state.why


def test_a_library_whose_import_fails_fails_as_it_would_without_us(library, tmp_path):
    (tmp_path / f"{library.name}.py").write_text("1 / 0\n", "utf-8")
    start(Watching(library.name))
    with pytest.raises(ZeroDivisionError):
        library()
    assert state_of(library.name).state == "waiting"


def test_a_patch_that_cannot_be_put_on_never_disturbs_the_import(library, monkeypatch):
    class Bad(LibraryPatch):
        name = library.name

        def hooks(self):
            raise RuntimeError("our mistake")

    monkeypatch.setattr(_guard, "strict", False)
    start(Bad())
    assert library().function(1) == 1
    assert (state_of(library.name).state, state_of(library.name).why) == ("off", "it failed")


def test_another_tools_wrapper_over_ours_stays_and_ours_falls_silent(library):
    patch = Watching(library.name)
    thing = library().Thing
    start(patch)
    ours, calls = thing.plain, []

    def theirs(self, x=0):
        calls.append(x)
        return ours(self, x)

    thing.plain = theirs
    instrument.unpatch(library.name)
    assert (thing().plain(1), calls, patch.seen) == (2, [1], [])
    assert vars(thing)["plain"] is theirs
    instrument.patch(library.name)
    assert thing().plain(1) == 2
    assert len(patch.seen) == 2
    instrument.unpatch(library.name)
    assert vars(thing)["plain"] is theirs


def test_the_last_init_decides_which_patches_are_on(library):
    library()
    start(Watching(library.name))
    assert state_of(library.name).state == "on"
    instrument.init(exporter=Memory())
    assert (state_of(library.name).state, state_of("http.client").state) == ("off", "on")
    start("http.client")
    assert state_of("http.client").state == "on"
    assert state_of("threading").state == "off"
    start()
    assert [state.name for state in instrument.patches() if state.state != "off"] == []
    assert not hasattr(http.client.HTTPConnection.close, "__wrapped__")
    instrument.patch("http.client")
    start()
    assert state_of("http.client").state == "on"
    instrument.unpatch()
    assert state_of("http.client").state == "off"


def test_a_strangers_patch_is_whatever_can_be_put_on_and_taken_off():
    class Strange:
        done = ()

        def install(self):
            self.done += ("on",)

        def uninstall(self):
            self.done += ("off",)

    strange = Strange()
    start(strange)
    assert (strange.done, state_of("Strange").state) == (("on",), "on")
    start()
    assert strange.done == ("on", "off")


def test_an_unknown_name_is_refused_and_the_former_client_stays():
    client = start()
    with pytest.raises(instrument.BadOption, match=r"'sqlite4'.*http\.client"):
        start("sqlite4")
    assert instrument.get_current_hub().client is client
    for verb in (instrument.patch, instrument.unpatch):
        with pytest.raises(ValueError, match=r"'sqlite4'.*http\.client"):
            verb("sqlite4")


def test_the_list_names_every_patch_there_is():
    instrument.init(exporter=Memory())
    states = {state.name: state for state in instrument.patches()}
    assert {"http.client", "threading", "concurrent.futures.thread", "multiprocessing.process", "subprocess"} <= {
        *states
    }
    assert states["http.client"].version == sys.version.split()[0]
    assert all(bool(state.why) == (state.state != "on") for state in states.values())


def test_the_list_says_what_is_wrapped_and_by_whom(library):
    thing = library().Thing
    start(Watching(library.name, "Thing.plain", "Thing.broken", "function"))
    ours = thing.plain
    scope = {"__name__": "other_tool.hooks", "functools": functools, "ours": ours}
    exec("@functools.wraps(ours)\ndef theirs(*args):\n    return ours(*args)", scope)
    thing.plain = scope["theirs"]
    library().function = wrapt.FunctionWrapper(library().function, scope["theirs"])
    assert state_of(library.name).callables == {
        "Thing.plain": "other_tool.hooks",
        "Thing.broken": "instrument",
        "function": "other_tool.hooks",
    }
    thing.plain = thing.inherited
    assert state_of(library.name).callables["Thing.plain"] == library.name
    instrument.unpatch(library.name)
    assert state_of(library.name).callables == {}


def test_what_our_part_of_a_call_takes_is_known_without_timing_each(library):
    class Slow(Watching):
        def before(self, instance, args, kwargs):
            threading.Event().wait(0.002)
            return "state"

    library()
    start(Slow(library.name))
    thing = library().Thing()
    for _ in range(60):
        thing.plain()
    assert state_of(library.name).nanoseconds is None
    for _ in range(5):
        thing.plain()
    assert 2_000_000 <= state_of(library.name).nanoseconds < 2_000_000_000


class Ranged(Watching):
    oldest, below = (1, 4), (3,)


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("1.3.24", "version 1.3.24 is too old: the patch is made for 1.4 and later"),
        ("1.4", ""),
        ("2.9.9rc1", ""),
        ("3", "version 3 is too new: the patch is made for versions before 3"),
        ("10.0", "version 10.0 is too new: the patch is made for versions before 3"),
        ("unknown", ""),
    ],
)
def test_a_version_that_the_patch_is_not_made_for_is_left_alone(library, version, why):
    library().__version__ = version
    original = vars(library().Thing)["plain"]
    start(Ranged(library.name))
    state = state_of(library.name)
    assert (state.version, state.why, state.state) == (version, why, "off" if why else "on")
    assert (vars(library().Thing)["plain"] is original) is bool(why)


def test_each_patch_is_found_under_the_name_of_its_module():
    for name, (module, kind) in register.KNOWN.items():
        made = getattr(importlib.import_module(f"instrument.patches.{module}"), kind)
        assert made.name == register.TARGETS.get(name, name)


def run(program):
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_is_imported_to_wait_for_it():
    after = run(
        "import json, sys, instrument; from instrument.exporters import Memory\n"
        "instrument.init(exporter=Memory())\n"
        "print(json.dumps([*sys.modules]))\n"
    )
    dear = {
        "wrapt",
        "importlib.metadata",
        "concurrent.futures.thread",
        "gevent",
        "http.client",
        "multiprocessing",
        "requests",
        "urllib3",
    }
    assert dear.isdisjoint(after)


def test_the_room_does_not_hide_the_function_of_the_same_name():
    names = run(
        "import json, instrument\n"
        "import instrument.patches.http_client, instrument.patches.register\n"
        "from instrument.patches import HttpClient\n"
        "print(json.dumps([callable(instrument.patches), HttpClient.__name__]))\n"
    )
    assert names == [True, "HttpClient"]
