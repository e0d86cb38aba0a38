"""Writing: each event once, whatever is delivered again, and never through what is not ours."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from instrument.store import StoreBusy, StoreFailed
from instrument.store.lock import Turn
from instrument.store.reading import Reader
from tests.store.payloads import WHEN, Ids, Transaction, error, every, filled, simple, writer

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "traces.db"


def test_what_was_written_can_be_read_at_once_while_the_writer_is_open(path):
    transaction = simple(Ids(), spans=2)
    store = writer(path)
    assert store.write([transaction.payload]) == ()
    with Reader(path) as reader:
        (summary,) = reader.recent()
    assert (summary.trace_id, summary.name, summary.op, summary.spans) == (transaction.trace_id, "nightly", "job", 3)
    assert summary.start == pytest.approx(WHEN)
    assert summary.duration == pytest.approx(1.0)
    store.close()


def test_an_event_that_is_delivered_again_is_there_once(path):
    ids = Ids()
    batch = [simple(ids).payload, error(ids, "KeyError", "'x'", 0.5)]
    store = writer(path)
    store.write(batch)
    store.write([*batch, *batch])
    store.close()
    filled(path, *batch)
    with Reader(path) as reader:
        assert sorted((summary.transactions, summary.spans, summary.errors) for summary in reader.recent()) == [
            (0, 0, 1),
            (1, 2, 0),
        ]


def test_what_is_no_event_is_named_and_the_rest_is_kept(path):
    good = simple(Ids())
    without_trace = json.loads(good.payload)
    del without_trace["contexts"]["trace"]
    bad_id = json.loads(good.payload)
    bad_id["contexts"]["trace"]["trace_id"] = "no hex at all"
    batch = [b"", b"[]", b"{}", b'{"type"', b"\xff", json.dumps(without_trace).encode(), json.dumps(bad_id).encode()]
    store = writer(path)
    assert store.write([*batch, good.payload]) == tuple(range(len(batch)))
    store.close()
    assert [summary.trace_id for summary in every(path)] == [good.trace_id]


def test_nothing_is_made_for_a_batch_without_events(path):
    assert writer(path).write([b"nonsense"]) == (0,)
    assert not path.parent.exists()


def test_times_may_be_numbers_or_text(path):
    transaction = simple(Ids())
    event = json.loads(transaction.payload)
    event.update(start_timestamp="2026-01-02T03:04:05.125000Z", timestamp="2026-01-02T04:04:06.125+01:00", spans=[])
    filled(path, json.dumps(event).encode())
    (summary,) = every(path)
    assert (summary.start, summary.duration) == (pytest.approx(WHEN), pytest.approx(1.0))


def test_a_part_that_comes_late_joins_its_trace(path):
    ids = Ids()
    first = simple(ids)
    filled(path, first.payload)
    late = Transaction(ids, "task", "the rest", 5.0, 2.0, trace=first.trace_id, parent=first.span_id)
    filled(path, late.payload)
    (summary,) = every(path)
    assert (summary.transactions, summary.spans, summary.name) == (2, 3, "nightly")
    assert summary.duration == pytest.approx(7.0)


@POSIX
@pytest.mark.parametrize("at_once", [True, False])
def test_the_parts_of_a_trace_make_one_whether_they_come_at_once_or_not(path, at_once):
    ids = Ids()
    first = Transaction(ids, "job", "nightly", 5.0, 1.0)
    second = Transaction(ids, "task", "part", 2.0, 8.0, trace=first.trace_id, parent=first.span_id, status="aborted")
    third = error(ids, "KeyError", "'x'", 1.0, trace=first.trace_id)
    parts = [first.payload, second.payload, third]
    store = writer(path)
    for batch in [parts] if at_once else [[part] for part in parts]:
        store.write(batch)
    store.close()
    with Reader(path) as reader:
        (summary,) = reader.recent()
        assert (summary.transactions, summary.errors) == (2, 1)
        assert (summary.start, summary.duration) == (pytest.approx(WHEN + 1.0), pytest.approx(9.0))
        for asked in ({"op": "job"}, {"op": "task"}, {"status": "aborted"}, {"min_duration": 7.0}):
            assert len(reader.find(**asked)) == 1, asked


def test_traces_whose_ids_begin_alike_are_kept_apart(path):
    """What they are looked up by is the beginning of their ids."""
    ids, begin = Ids(), "abcdef0"
    parts = [
        Transaction(ids, "job", str(number), float(number), 1.0, trace=begin + f"{number:025x}") for number in range(4)
    ]
    store = writer(path)
    store.write([parts[0].payload, parts[1].payload])
    store.write([parts[2].payload, parts[1].payload])
    store.write([parts[3].payload])
    store.close()
    assert [(summary.trace_id, summary.transactions) for summary in every(path)] == [
        (part.trace_id, 1) for part in parts
    ]


def test_a_batch_of_more_traces_than_are_asked_about_at_once(path):
    ids = Ids()
    batch = [simple(ids, float(number)).payload for number in range(250)]
    store = writer(path)
    store.write(batch[:120])
    store.write(batch)
    store.close()
    with Reader(path) as reader:
        assert [summary.transactions for summary in reader.recent(limit=1000)] == [1] * 250


def test_folder_and_files_are_private_whatever_the_umask(path):
    for umask in (0, 0o777):
        before = os.umask(umask)
        try:
            folder = path.parent.parent / f"with-{umask}"
            store = writer(folder / "traces.db")
            store.write([simple(Ids()).payload])
        finally:
            os.umask(before)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
        assert set(files.values()) == {0o600}
        assert set(files) >= {"traces.db", "traces.db-wal", "traces.db.lock"}
        store.close()


@POSIX
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".lock"])
@pytest.mark.parametrize("plant", ["link", "pipe"])
def test_links_and_pipes_are_refused(path, suffix, plant):
    path.parent.mkdir(mode=0o700)
    target = path.parent.parent / "target"
    target.write_bytes(b"precious")
    trap = path.with_name(path.name + suffix)
    if plant == "link":
        trap.symlink_to(target)
    else:
        os.mkfifo(trap)
    with pytest.raises(StoreFailed, match="not a plain file"):
        writer(path).write([simple(Ids()).payload])
    assert target.read_bytes() == b"precious"


@POSIX
def test_a_folder_that_everybody_can_write_is_refused(path):
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(StoreFailed, match="a folder of your own"):
        writer(path).write([simple(Ids()).payload])
    assert not path.exists()


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.getuid() != 0, reason="needs Python to run as root")
def test_what_belongs_to_somebody_else_is_refused(path):
    path.parent.mkdir()
    os.chown(path.parent, 12345, -1)
    with pytest.raises(StoreFailed, match="another user"):
        writer(path).write([simple(Ids()).payload])
    os.chown(path.parent, 0, -1)
    path.touch()
    os.chown(path, 12345, -1)
    with pytest.raises(StoreFailed, match="another user"):
        writer(path).write([simple(Ids()).payload])


@POSIX
def test_a_file_that_others_could_read_is_made_private(path):
    filled(path, simple(Ids()).payload)
    path.chmod(0o644)
    filled(path, simple(Ids(2)).payload)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [b"this is no database" * 300, b"SQLite format 3\0" + b"\x07" * 9000])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path, caplog, damage):
    path.parent.mkdir(mode=0o700)
    path.write_bytes(damage)
    transaction = simple(Ids())
    filled(path, transaction.payload)
    assert [summary.trace_id for summary in every(path)] == [transaction.trace_id]
    assert path.with_name("traces.db.damaged").read_bytes() == damage
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} is damaged; it is kept as {path}.damaged, and a new one is begun"
    ]


def test_a_file_that_breaks_while_it_is_open_is_set_aside_too(path, caplog):
    ids = Ids()
    store = writer(path)
    store.write([simple(ids, spans=50).payload for _ in range(20)])
    store.close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xaa" * (path.stat().st_size - 100))
    store.write([simple(ids).payload])
    store.close()
    assert len(every(path)) == 1
    assert len(caplog.records) == 1


def test_another_programs_database_is_left_alone(path):
    path.parent.mkdir(mode=0o700)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()
    with pytest.raises(StoreFailed, match="another program"):
        writer(path).write([simple(Ids()).payload])
    with pytest.raises(StoreFailed, match="another program"), Reader(path) as reader:
        reader.recent()


def test_a_newer_format_is_left_alone(path):
    filled(path, simple(Ids()).payload)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreFailed, match="newer version"):
        writer(path).write([simple(Ids(2)).payload])
    with pytest.raises(StoreFailed, match="newer version"), Reader(path) as reader:
        reader.recent()


def test_a_file_that_was_deleted_is_begun_anew_by_an_open_writer(path):
    store = writer(path)
    store.write([simple(Ids(1)).payload])
    for file in path.parent.iterdir():
        file.unlink()
    kept = simple(Ids(2))
    store.write([kept.payload])
    store.close()
    assert [summary.trace_id for summary in every(path)] == [kept.trace_id]


def test_who_comes_while_another_has_the_turn_is_told_to_come_later(path):
    store = writer(path, patience=0.0)
    store.write([simple(Ids(1)).payload])
    other = Turn(f"{path}.lock")
    with other.taken(1.0), pytest.raises(StoreBusy):
        store.write([simple(Ids(2)).payload])
    store.write([simple(Ids(2)).payload])
    store.close()
    assert len(every(path)) == 2


def test_a_turn_is_waited_for(path):
    store = writer(path)
    store.write([simple(Ids(1)).payload])
    other = Turn(f"{path}.lock")
    held, free = threading.Event(), threading.Event()

    def hold():
        with other.taken(1.0):
            held.set()
            free.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    writing = threading.Thread(target=store.write, args=([simple(Ids(2)).payload],))
    writing.start()
    free.set()
    thread.join(30)
    writing.join(30)
    store.close()
    assert len(every(path)) == 2


def test_a_database_that_somebody_else_locked_is_busy_and_nothing_is_lost(path, monkeypatch):
    monkeypatch.setattr("instrument.store.writer.BUSY_SECONDS", 0.0)
    store = writer(path)
    store.write([simple(Ids(1)).payload])
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    store.close()
    with pytest.raises(StoreBusy):
        store.write([simple(Ids(2)).payload])
    shell.execute("ROLLBACK")
    shell.close()
    store.write([simple(Ids(2)).payload])
    store.close()
    assert len(every(path)) == 2


def test_a_batch_that_does_not_fit_on_the_disk_fails_whole_and_can_be_tried_again(path):
    """SQLite's own limit on pages stands for the disk: it gives the same error."""
    store = writer(path)
    store.write([simple(Ids(1)).payload])
    batch = [simple(Ids(seed), spans=40).payload for seed in range(2, 80)]
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(StoreFailed, match="full"):
        store.write(batch)
    assert len(every(path)) == 1
    store.write(batch)
    store.close()
    assert len(every(path)) == 79


@POSIX
def test_a_folder_without_permission_is_a_failure_of_one_line(path):
    path.parent.mkdir(mode=0o700)
    blocked = path.parent / "file"
    blocked.touch()
    with pytest.raises(StoreFailed) as caught:
        writer(blocked / "deeper" / "traces.db").write([simple(Ids()).payload])
    assert "\n" not in str(caught.value)


def test_closing_gives_way_to_whoever_has_the_turn(path):
    store = writer(path)
    store.write([simple(Ids(1)).payload])
    other = Turn(f"{path}.lock")
    with other.taken(1.0):
        store.close()
    store.write([simple(Ids(2)).payload])
    store.close()
    store.close()
    assert len(every(path)) == 2


@POSIX
def test_the_last_one_out_leaves_one_file_and_the_lock(path):
    filled(path, simple(Ids()).payload)
    assert sorted(file.name for file in path.parent.iterdir()) == ["traces.db", "traces.db.lock"]


def test_spans_can_be_asked_for_with_sql(path):
    filled(path, simple(Ids(), spans=3).payload)
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT op, count(*), min(name) FROM spans GROUP BY op").fetchall()
    connection.close()
    assert rows == [("db", 3, "SELECT 0")]


def test_importing_the_store_alone_needs_neither_rich_nor_requests():
    code = "import sys, instrument.store; print(sorted({'rich', 'requests'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
