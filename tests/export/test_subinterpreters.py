"""A second interpreter of the same process, as mod_wsgi makes them, records and delivers, or says why it cannot."""

import os
import subprocess
import sys
import textwrap

import pytest

from instrument._books import Books
from instrument.exporters import Local
from instrument.options import Options
from instrument.store.reading import Reader
from tests.export.worlds import LIMIT, ROOT

PROGRAM = """
import os, sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

inner = '''
import sys
sys.path[:0] = {path!r}
state = {state!r}
{inner}
'''
kind = {kind!r}
if sys.version_info >= (3, 13):
    run, made = getattr(interpreters, "exec", None) or interpreters.run_string, interpreters.create(kind)
else:
    run, made = interpreters.run_string, interpreters.create(isolated=kind == "isolated")
failed = run(made, inner)
if failed:
    print(failed, file=sys.stderr, flush=True)
# CPython 3.12 itself may crash where it takes such an interpreter down.
os._exit(1 if failed else 0)
"""
RECORD = """
import instrument

def work():
    with instrument.transaction("task", "nightly"):
        with instrument.span("step", "one"):
            return 42

instrument.init(store_path=state + "/traces.db", spool_dir=state + "/spool")
assert work() == 42
"""
ISOLATED_HAS_NO_THREADS = sys.version_info < (3, 12)


def run(kind, inner, state):
    code = PROGRAM.format(path=[str(ROOT), *sys.path], state=str(state), inner=textwrap.dedent(inner), kind=kind)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT * 2, check=False
    )
    assert done.returncode == 0, done
    return done.stdout


def stored(state):
    with Reader(state / "traces.db") as reader:
        return [(trace.name, trace.spans) for trace in reader.recent()]


def test_one_that_may_do_what_the_first_one_does_delivers(tmp_path):
    said = run("legacy", RECORD + "print(instrument.flush(20), instrument.stats().balanced, flush=True)", tmp_path)
    assert said == "True True\n"
    assert stored(tmp_path) == [("nightly", 2)]


@pytest.mark.skipif(not ISOLATED_HAS_NO_THREADS, reason="needs Python before 3.12, where it shares the GIL")
def test_one_that_may_start_no_thread_keeps_what_it_records_for_others(tmp_path):
    said = run("isolated", RECORD + "print(instrument.flush(0.1), instrument.stats().balanced, flush=True)", tmp_path)
    assert said == "False True\n"
    assert not os.path.exists(tmp_path / "traces.db")
    exporter = Local()
    exporter.books = Books()
    exporter.connect(Options.read(store_path=tmp_path / "traces.db", spool_dir=tmp_path / "spool"))
    assert exporter.flush(LIMIT, orphans=True)
    exporter.close(LIMIT)
    assert stored(tmp_path) == [("nightly", 2)]


@pytest.mark.skipif(ISOLATED_HAS_NO_THREADS, reason="needs Python 3.12, where it has a GIL of its own")
def test_one_with_a_gil_of_its_own_is_refused_with_a_reason_and_runs_unharmed(tmp_path):
    """msgspec cannot be loaded there. Decorators and spans do nothing, as before any `init`."""
    inner = """
    import instrument

    @instrument.traced
    def work():
        with instrument.span("step", "one"):
            return 42

    try:
        instrument.init(store_path=state + "/traces.db", spool_dir=state + "/spool")
    except ImportError as error:
        print(error, flush=True)
    assert work() == 42
    """
    assert "subinterpreters" in run("isolated", inner, tmp_path)
    assert list(tmp_path.iterdir()) == []
