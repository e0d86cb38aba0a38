"""init and close: the last call wins, wrong calls are loud, and nothing is doubled."""

import pydoc
import sqlite3
import stat
import subprocess
import sys

import pytest

import instrument
from instrument import BadDsn, BadOption, UnknownOption, span, transaction
from instrument._books import Counts
from instrument._value import fields
from instrument.exporters import Local, Memory, Otlp
from instrument.testing import record


def test_the_last_init_wins_and_the_former_client_is_closed():
    first, second = Memory(), Memory()
    former = instrument.init(exporter=first)
    client = instrument.init(exporter=second)
    assert instrument.get_current_hub().client is client is not former
    with transaction("a", "b"):
        pass
    assert (len(first.transactions), len(second.transactions)) == (0, 1)


def test_a_transaction_that_runs_across_a_second_init_is_not_lost():
    first, second = Memory(), Memory()
    instrument.init(exporter=first)
    with transaction("a", "b"), span("c"):
        instrument.init(exporter=second)
    assert [len(item.spans) for item in second.transactions] == [1]
    assert instrument.stats().balanced
    assert instrument.stats().transactions.delivered == 1


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"dsn": "https://secret@host/"}, BadDsn, "PROJECT"),
        ({"traces_sample_rate": 2}, BadOption, "traces_sample_rate=2"),
        ({"traces_samplerate": 1}, UnknownOption, "did you mean 'traces_sample_rate'?"),
        ({"exporter": 7}, BadOption, "exporter=7"),
    ],
)
def test_a_wrong_call_is_loud_and_leaves_the_former_client_at_work(wrong, error, says):
    memory = Memory()
    client = instrument.init(exporter=memory)
    with pytest.raises(error, match=says.replace("?", r"\?")) as caught:
        instrument.init(**wrong)
    assert "secret" not in str(caught.value)
    assert instrument.get_current_hub().client is client
    with transaction("a", "b"):
        pass
    assert len(memory.transactions) == 1


def test_several_exporters_each_get_everything():
    one, other = Memory(), Memory()
    instrument.init(exporter=[one, other])
    with transaction("a", "b"):
        pass
    assert len(one.transactions) == len(other.transactions) == 1
    assert instrument.stats().transactions.delivered == 1


@pytest.mark.parametrize("also", [[], [Memory()]])
def test_an_exporter_may_be_given_to_the_next_init_too(tmp_path, also):
    local = Local(tmp_path / "t.db")
    former = instrument.init(exporter=local, spool_dir=tmp_path / "spool")
    with transaction("a", "first"):
        pass
    instrument.init(exporter=[local, *also], spool_dir=tmp_path / "spool")
    assert (former.stats().transactions.delivered, former.is_closed) == (1, True)
    with transaction("a", "second"):
        pass
    assert local.flush(20)
    assert instrument.stats().transactions.delivered == 1
    assert instrument.stats().balanced
    assert names_in(tmp_path / "t.db") == ["first", "second"]


def test_a_refused_init_leaves_alone_what_the_former_client_exports_to(tmp_path, monkeypatch):
    local = Local(tmp_path / "t.db")
    client = instrument.init(exporter=local, spool_dir=tmp_path / "spool")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(BadOption, match="grpc"):
        instrument.init(exporter=[local, Otlp()], spool_dir=tmp_path / "other")
    with transaction("a", "b"):
        pass
    assert local.flush(20)
    assert local.books is client.books
    assert client.stats().transactions.delivered == 1
    assert names_in(tmp_path / "t.db") == ["b"]
    assert not (tmp_path / "other").exists()


def names_in(path):
    connection = sqlite3.connect(path)
    try:
        return [name for (name,) in connection.execute("SELECT name FROM transactions ORDER BY name")]
    finally:
        connection.close()


class Socket(Memory):
    """An exporter that is of no use once it was closed."""

    def __init__(self):
        super().__init__()
        self.flushed = self.closed = 0

    def flush(self, timeout=None):
        self.flushed += 1
        return True

    def close(self, timeout=None):
        self.closed += 1
        return True


def test_an_exporter_that_the_next_client_has_too_is_flushed_and_not_closed():
    both, former = Socket(), Socket()
    instrument.init(exporter=[both, former])
    instrument.init(exporter=both)
    assert (both.flushed, both.closed, former.closed) == (1, 0, 1)
    instrument.init(exporter=Memory())
    assert both.closed == 1


def test_an_exporter_that_is_given_twice_gets_everything_once(tmp_path):
    local, memory = Local(tmp_path / "t.db"), Memory()
    instrument.init(exporter=[local, memory, local, memory], spool_dir=tmp_path / "spool")
    with transaction("a", "b"):
        pass
    assert instrument.flush(20)
    assert len(memory.transactions) == 1
    assert (instrument.stats().transactions.delivered, instrument.stats().balanced) == (1, True)


def test_as_many_breadcrumbs_are_kept_as_this_init_says(monkeypatch):
    monkeypatch.setenv("SENTRY_TRACE", f"{'1' * 32}-{'2' * 16}-1")
    for most in (5, 200):
        memory = Memory()
        instrument.init(exporter=memory, max_breadcrumbs=most)
        for number in range(300):
            instrument.add_breadcrumb(message=str(number))
        instrument.capture_message("x")
        assert len(memory.errors[0].breadcrumbs) == most
        assert memory.errors[0].trace_id == "1" * 32


def test_a_patch_that_only_a_variable_names_and_that_there_is_not_is_reported(monkeypatch, caplog):
    monkeypatch.setenv("INSTRUMENT_INTEGRATIONS", "nosuch,warnings")
    client = instrument.init(exporter=Memory())
    assert client.options.integrations == ("warnings",)
    assert "INSTRUMENT_INTEGRATIONS is ignored: integrations='nosuch'" in caplog.text
    assert [one.state for one in instrument.patches() if one.name == "warnings"] == ["on"]
    with pytest.raises(BadOption, match="nosuch"):
        instrument.init(exporter=Memory(), integrations=["nosuch"])


def test_a_recorder_keeps_what_it_records_in_memory_and_takes_no_exporter():
    with pytest.raises(BadOption, match="exporter"), record(exporter=Memory()):
        pass
    with record(exporter=None, dsn="https://key@host/1") as recorded:
        instrument.capture_message("x")
    assert len(recorded.errors) == 1


def test_help_tells_of_the_books_what_they_count_and_when_they_balance():
    shown = pydoc.plain(pydoc.render_doc(instrument.Stats))
    assert [name for name in (*fields(instrument.Stats), *fields(Counts)) if f"`{name}`" not in shown] == []
    assert "started = open + unsampled + folded" in shown


def test_after_close_nothing_is_taken_and_nothing_fails():
    memory = Memory()
    instrument.init(exporter=memory)
    open_one = instrument.start_transaction("a", "open")
    assert instrument.close(timeout=1)
    assert instrument.close()
    with transaction("a", "b"), span("c"):
        assert instrument.capture_message("hello") is None
    assert instrument.flush(1)
    open_one.finish()
    counted = instrument.stats()
    assert memory.transactions == []
    assert counted.transactions.dropped == {"unfinished": 1, "closed": 1}
    assert counted.balanced


PROGRAM = """
import instrument
from instrument import span, transaction
instrument.init()
with transaction("job", "nightly"):
    with span("encode", "image"):
        pass
"""


def test_without_dsn_or_exporter_traces_land_in_the_local_store_by_the_end_of_the_program(tmp_path):
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, env={"XDG_STATE_HOME": str(tmp_path)}, timeout=60)
    listed = subprocess.run(
        [sys.executable, "-m", "instrument", "list"],
        check=True,
        env={"XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "nightly" in listed.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_the_state_folder_is_for_its_owner_alone(tmp_path):
    state = tmp_path / "state"
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, env={"XDG_STATE_HOME": str(state)}, timeout=60)
    assert {stat.S_IMODE(one.stat().st_mode) for one in state.rglob("*") if one.is_dir()} == {0o700}


def test_an_unwritable_state_folder_is_one_line_and_the_program_unharmed(tmp_path):
    (tmp_path / "instrument").write_text("a file where the folder should be")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + "print(instrument.stats().balanced)"],
        check=True,
        env={"XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "True\n"
    assert len(done.stderr.splitlines()) == 1


LATE = """
import atexit, json, pathlib, sys
import instrument
from instrument import transaction
def late():
    with transaction("job", "after the end"):
        pass
atexit.register(late)  # registered before ours, so it runs after it
instrument.init()
"""


def test_what_finishes_after_the_end_of_the_program_is_kept_for_the_next_one(tmp_path):
    env = {"XDG_STATE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", LATE], check=True, env=env, timeout=60)
    subprocess.run([sys.executable, "-m", "instrument", "flush"], check=True, env=env, timeout=60, capture_output=True)
    listed = subprocess.run(
        [sys.executable, "-m", "instrument", "list"], check=True, env=env, capture_output=True, text=True, timeout=60
    )
    assert "after the end" in listed.stdout


KILLED = """
import os, signal
import instrument
from instrument import transaction
instrument.init()
with transaction("job", "just before the end"):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""

SILENT = """
import pathlib, sys, time
import instrument
instrument.init()
left = pathlib.Path(sys.argv[1], "instrument", "spool")
for _ in range(600):
    if not any(left.glob("*/[0-9]*")):
        break
    time.sleep(0.05)
"""


def test_the_next_start_of_a_program_that_records_nothing_delivers_what_a_killed_one_left(tmp_path):
    env = {"XDG_STATE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", KILLED], env=env, timeout=60)
    subprocess.run([sys.executable, "-c", SILENT, str(tmp_path)], check=True, env=env, timeout=60)
    listed = subprocess.run(
        [sys.executable, "-m", "instrument", "list"], check=True, env=env, capture_output=True, text=True, timeout=60
    )
    assert "just before the end" in listed.stdout
