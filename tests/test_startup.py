"""init and close: the last call wins, wrong calls are loud, and nothing is doubled."""

import subprocess
import sys

import pytest

import instrument
from instrument import BadDsn, BadOption, UnknownOption, span, transaction
from instrument.exporters import Memory


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
