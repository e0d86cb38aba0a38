"""`instrument install-startup`: programs of an environment are traced if they ask for it, and no other is touched."""

import multiprocessing
from pathlib import Path

import pytest

from tests.cli.started_environment import Environment

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


STARTS = multiprocessing.get_all_start_methods()


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    made = Environment(tmp_path_factory.mktemp("environment"))
    made.install()
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


CONFIGURED = """
import multiprocessing, sys
import instrument, orders

if __name__ == "__main__":
    instrument.init(environment=sys.argv[1], release="shop@1")
    child = multiprocessing.get_context(sys.argv[2]).Process(target=orders.place)
    child.start()
    child.join()
    orders.place()
    print(child.exitcode)
"""
OWN = """
import multiprocessing, os
import instrument, orders

if __name__ == "__mp_main__":
    instrument.init(environment="the child's own")

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=orders.place)
    instrument.init(environment="the parent's")
    child.start()
    child.join()
    print(child.exitcode)
"""


def environments(environment):
    """What the recorded transactions say of where and what they were."""
    events = [one.event for trace in environment.traces() for one in trace.transactions]
    return [(event["environment"], event.get("release")) for event in events]


@pytest.mark.parametrize("method", [one for one in ("spawn", "forkserver") if one in STARTS])
@pytest.mark.parametrize("given", ["from code", "production"], ids=["another", "the default"])
def test_what_the_parent_said_in_code_beats_the_environment_in_its_child(environment, method, given):
    program = environment.folder / "configured.py"
    program.write_text(CONFIGURED, encoding="utf-8")
    variables = {"INSTRUMENT_ENVIRONMENT": "of the variables", "INSTRUMENT_RELEASE": "none"}
    said, names = environment.traced(str(program), given, method, **variables)
    assert (said, names) == ((0, "0", ""), ["place", "place"])
    assert environments(environment) == [(given, "shop@1")] * 2


def test_what_the_child_says_in_code_beats_its_parent(environment):
    program = environment.folder / "own.py"
    program.write_text(OWN, encoding="utf-8")
    said, names = environment.traced(str(program), INSTRUMENT_ENVIRONMENT="of the variables")
    assert (said, names) == ((0, "0", ""), ["place"])
    assert environments(environment) == [("the child's own", None)]


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
    (tmp_path / "msgspec.py").write_text("raise RuntimeError('half installed')", encoding="utf-8")
    code, out, errors = environment.run("-c", "print(1)", INSTRUMENT_AUTO="1", PYTHONPATH=str(tmp_path))
    assert (code, out) == (0, "1")
    assert len(errors.splitlines()) == 1 and "start" in errors and "RuntimeError" in errors


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
