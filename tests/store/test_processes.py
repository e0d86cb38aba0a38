"""Several programs, one store: each event arrives once, and no death in the middle hurts the file."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from instrument.store.reading import Reader
from tests.store.payloads import Ids, every, filled, simple, writer

ROOT = Path(__file__).parent.parent.parent
LIMIT = 60
FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

WRITE_MANY = """
    import sys
    from instrument.store import StoreBusy, Writer
    from tests.store.payloads import LARGE, Ids, simple

    path, first, last, batch = sys.argv[1], *map(int, sys.argv[2:])
    store = Writer(path, max_bytes=LARGE, max_age=LARGE, patience=0.05)
    for start in range(first, last, batch):
        payloads = [simple(Ids(seed), spans=5).payload for seed in range(start, min(start + batch, last))]
        while True:
            try:
                store.write(payloads)
                break
            except StoreBusy:
                pass
        print(start, flush=True)
    store.close()
"""


def program(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )


def ended(process):
    output, errors = process.communicate(timeout=LIMIT)
    assert (process.returncode, errors) == (0, "")
    return output


def integrity(path):
    connection = sqlite3.connect(path)
    (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return answer


def trace_id(seed):
    return simple(Ids(seed), spans=5).trace_id


def test_four_programs_that_write_at_once_and_overlap_leave_each_event_once(tmp_path):
    path = tmp_path / "traces.db"
    ranges = [(0, 200), (100, 300), (200, 400), (0, 400)]
    processes = [program(WRITE_MANY, path, first, last, 10) for first, last in ranges]
    with Reader(path) as reader:
        while any(process.poll() is None for process in processes):
            for summary in reader.recent(5):
                assert summary.spans == 6
            processes[0].stdout.readline()
    for process in processes:
        ended(process)
    summaries = every(path)
    assert sorted(summary.trace_id for summary in summaries) == sorted(trace_id(seed) for seed in range(400))
    assert {(summary.transactions, summary.spans) for summary in summaries} == {(1, 6)}
    assert integrity(path) == "ok"


def test_a_writer_killed_in_the_middle_leaves_whole_batches_and_a_sound_file(tmp_path):
    path = tmp_path / "traces.db"
    acknowledged = set()
    for round_ in range(4):
        process = program(WRITE_MANY, path, 1000 * round_, 1000 * round_ + 1000, 20)
        for _ in range(3 + 2 * round_):
            acknowledged.update(range(start := int(process.stdout.readline()), start + 20))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=LIMIT)
        acknowledged.update(seed for line in rest.split() for seed in range(int(line), int(line) + 20))
    assert integrity(path) == "ok"
    found = {summary.trace_id for summary in every(path)}
    assert found >= {trace_id(seed) for seed in acknowledged}
    assert len(found) % 20 == 0
    ended(program(WRITE_MANY, path, 0, 100, 20))
    assert {trace_id(seed) for seed in range(100)} <= {summary.trace_id for summary in every(path)}


@FORK
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_writes_through_a_connection_of_its_own(tmp_path):
    code = """
        import os, sys
        from tests.store.payloads import Ids, simple, writer

        store = writer(sys.argv[1])
        store.write([simple(Ids(0)).payload])
        inherited = store._connection
        children = []
        for seed in range(1, 4):
            child = os.fork()
            if child == 0:
                assert store._connection is None
                store.write([simple(Ids(seed)).payload])
                assert store._connection is not inherited
                store.close()
                sys.exit(0)
            children.append(child)
        store.write([simple(Ids(9)).payload])
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        assert store._connection is inherited
        store.close()
    """
    path = tmp_path / "traces.db"
    ended(program(code, path))
    assert {summary.trace_id for summary in every(path)} == {simple(Ids(seed)).trace_id for seed in (0, 1, 2, 3, 9)}
    assert integrity(path) == "ok"


@FORK
def test_a_child_forked_during_a_turn_does_not_keep_the_turn(tmp_path):
    """The parent dies in its turn; the child that it forked meanwhile lives on and must not hold the lock."""
    code = """
        import os, signal, sys
        from instrument.store.lock import Turn

        turn = Turn(sys.argv[1] + ".lock")
        with turn.taken(1.0):
            if os.fork() == 0:
                print("child", flush=True)
                sys.stdin.readline()
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "traces.db"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == b"child\n"
    assert process.wait(LIMIT) == -signal.SIGKILL
    store = writer(path, patience=0.5)
    store.write([simple(Ids()).payload])
    store.close()
    process.communicate(b"\n", timeout=LIMIT)
    assert len(every(path)) == 1


@FORK
def test_a_child_forked_in_the_middle_of_a_batch_can_write(tmp_path):
    """Another thread holds the writer's own lock at the moment of the fork."""
    code = """
        import os, sys, threading
        from tests.store.payloads import Ids, simple, writer

        store = writer(sys.argv[1], patience=5.0)
        inside, go_on = threading.Event(), threading.Event()
        keep = store._retention.keep

        def slow(*arguments):
            inside.set()
            go_on.wait(30)
            keep(*arguments)

        store._retention.keep = slow
        thread = threading.Thread(target=store.write, args=([simple(Ids(1)).payload],))
        thread.start()
        inside.wait(30)
        child = os.fork()
        if child == 0:
            store._retention.keep = keep
            store.write([simple(Ids(2)).payload])
            store.close()
            os._exit(0)
        go_on.set()
        thread.join(30)
        assert os.waitpid(child, 0)[1] == 0
        store.close()
    """
    path = tmp_path / "traces.db"
    output, errors = program(code, path).communicate(timeout=LIMIT)
    assert "Error" not in errors, errors + output
    assert len(every(path)) == 2


def test_a_writer_that_nobody_closed_says_nothing_at_exit(tmp_path):
    code = """
        import sys
        from tests.store.payloads import Ids, simple, writer

        store = writer(sys.argv[1])
        store.write([simple(Ids()).payload])
    """
    ended(program(code, tmp_path / "traces.db"))
    assert len(every(tmp_path / "traces.db")) == 1


def test_what_one_program_moved_aside_another_does_not_go_on_writing_to(tmp_path, caplog):
    path = tmp_path / "traces.db"
    ids = Ids()
    first = writer(path)
    first.write([simple(ids).payload])
    os.replace(path, tmp_path / "elsewhere")
    for beside in ("-wal", "-shm"):
        (tmp_path / f"traces.db{beside}").unlink()
    filled(path, simple(ids).payload)
    first.write([simple(ids).payload])
    first.close()
    assert len(every(path)) == 2


def test_json_is_kept_as_it_came(tmp_path):
    transaction = simple(Ids())
    path = filled(tmp_path / "traces.db", transaction.payload)
    with Reader(path) as reader:
        (record,) = reader.newest().transactions
    assert record.event == json.loads(transaction.payload)
