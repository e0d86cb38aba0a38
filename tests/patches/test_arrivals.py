"""A library is patched when it is imported: whenever, from wherever and however often that happens."""

import importlib
import importlib.util
import runpy
import sys
import threading
import zipfile

import pytest
import wrapt

import instrument
from instrument.exporters import Memory
from instrument.patches import Around, LibraryPatch
from instrument.patches._arrivals import listen
from tests.contracts.web import LIMIT

SOURCE = "def work():\n    return 'done'\n\nif __name__ == '__main__':\n    result = work()\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder where modules are looked for, and the name of one that nobody knows yet."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    instrument.unpatch()
    for name in [name for name in sys.modules if name.partition(".")[0] == "arriving"]:
        del sys.modules[name]


class Counting(LibraryPatch):
    name = "arriving"

    def hooks(self):
        return [Around("work", lambda *_: None)]


@pytest.fixture
def patch(folder):
    patch = Counting()
    instrument.init(exporter=Memory(), integrations=[patch], default_integrations=False)
    return patch


def state():
    (state,) = (state for state in instrument.patches() if state.name == "arriving")
    return state


def test_a_module_is_patched_before_whoever_imports_it_has_it_and_looks_as_ever(folder, patch):
    (folder / "arriving.py").write_text(SOURCE, "utf-8")
    assert (state().state, state().callables) == ("waiting", {})
    from arriving import work

    assert (work(), patch.calls, state().state) == ("done", 1, "on")
    module = sys.modules["arriving"]
    assert type(module.__loader__) is type(module.__spec__.loader) is importlib.machinery.SourceFileLoader


def test_code_that_is_executed_anew_is_patched_anew(folder, patch):
    (folder / "arriving.py").write_text(SOURCE, "utf-8")
    module = importlib.import_module("arriving")
    assert importlib.reload(module) is module
    module.work()
    assert (patch.calls, state().state) == (1, "on")
    assert not hasattr(module.work.__wrapped__, "__wrapped__")
    del sys.modules["arriving"]
    anew = importlib.import_module("arriving")
    anew.work()
    assert (patch.calls, anew is module) == (2, False)
    instrument.unpatch("arriving")
    importlib.reload(anew)
    assert not hasattr(anew.work, "__wrapped__")


def test_threads_that_import_at_once_all_get_the_patched_one(folder, patch):
    (folder / "arriving.py").write_text("import threading\nthreading.Event().wait(0.05)\n" + SOURCE, "utf-8")
    all_at_once, done = threading.Barrier(4), []

    def run():
        all_at_once.wait(LIMIT)
        from arriving import work

        done.append(work())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert (done, patch.calls) == (["done"] * 4, 4)


def test_an_import_that_fails_fails_as_ever_and_the_reason_is_told_until_it_succeeds(folder, patch):
    (folder / "arriving.py").write_text("import nowhere_to_be_found\n", "utf-8")
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        importlib.import_module("arriving")
    assert (state().state, "the last import failed: ModuleNotFoundError" in state().why) == ("waiting", True)
    (folder / "arriving.py").write_text(SOURCE + "#", "utf-8")
    importlib.invalidate_caches()
    importlib.import_module("arriving").work()
    assert (patch.calls, state().why) == (1, "")


def test_a_library_of_which_only_folders_are_left_is_left_alone(folder, patch):
    (folder / "arriving" / "vendored").mkdir(parents=True)
    module = importlib.import_module("arriving")
    assert list(module.__path__) == [str(folder / "arriving")]
    assert (state().state, "a folder without a file of code" in state().why) == ("off", True)


def test_another_module_of_that_name_is_left_alone_and_named(folder, patch):
    (folder / "arriving.py").write_text("x = 1\n", "utf-8")
    assert importlib.import_module("arriving").x == 1
    assert state().state == "off"
    assert "there is no work" in state().why and str(folder / "arriving.py") in state().why


def test_a_library_in_an_archive_is_patched(folder, patch, monkeypatch):
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("arriving.py", SOURCE)
        archive.writestr("arriving_other.py", SOURCE)
    monkeypatch.syspath_prepend(str(folder / "all.zip"))
    assert importlib.import_module("arriving").work() == "done"
    assert (patch.calls, state().state) == (1, "on")
    assert "work" in sys.modules["arriving"].__loader__.get_source("arriving")
    assert importlib.import_module("arriving_other").work() == "done"
    sys.modules.pop("arriving_other")


def test_the_tools_of_others_that_wait_for_the_same_module_are_told_too(folder, patch):
    (folder / "arriving.py").write_text(SOURCE, "utf-8")
    told, heard = [], []
    listen("arriving", lambda: heard.append("once"))
    wrapt.register_post_import_hook(lambda module: told.append(module.__name__), "arriving")
    finder = sys.meta_path.pop(0)
    try:
        sys.meta_path.insert(1, finder)
        importlib.import_module("arriving").work()
        assert (patch.calls, told, heard) == (1, ["arriving"], ["once"])
    finally:
        sys.meta_path.remove(finder)
        sys.meta_path.insert(0, finder)


def test_a_module_that_is_only_looked_for_can_be_run_as_a_program(folder, patch):
    (folder / "arriving.py").write_text(SOURCE, "utf-8")
    spec = importlib.util.find_spec("arriving")
    assert spec.origin == spec.loader.get_filename("arriving") == str(folder / "arriving.py")
    assert runpy.run_module("arriving", run_name="__main__")["result"] == "done"
    assert (state().state, patch.calls) == ("waiting", 0)
