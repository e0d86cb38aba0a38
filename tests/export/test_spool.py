"""The spool in one process: what goes in comes out, and nothing is lost without being counted."""

import json
import os
import random
import stat

import pytest

from instrument._books import Books
from instrument.export.record import Record
from instrument.export.spool import FileSpool, MemorySpool

LOTS = 1 << 20


def tx(name, spans=2):
    return Record("transaction", spans, name.encode() if isinstance(name, str) else name)


def error(name):
    return Record("error", 0, name.encode())


def names(records):
    return [record.payload.decode() for record in records]


def noise(number):
    """A payload of 1000 bytes that begins with its number and cannot be packed."""
    return b"%04d" % number + os.urandom(996)


def files(root):
    return sorted(path.name for path in root.rglob("*") if path.is_file())


@pytest.fixture
def root(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def books():
    return Books()


@pytest.fixture
def spool(root, books):
    spool = FileSpool(root, "https://key@host/1", books=books)
    yield spool
    spool.close()


@pytest.fixture(params=["file", "memory"])
def source(request, spool, books):
    return spool if request.param == "file" else MemorySpool(books=books)


def test_records_come_out_in_order_and_whole(source):
    kept = [tx("a"), tx("b", 3), tx(bytes(range(256)) * 100)]
    for record in kept:
        source.append(record)
    assert source.read("transaction", 10, LOTS) == kept


def test_reading_moves_nothing_done_does(source):
    for name in "abcde":
        source.append(tx(name))
    assert names(source.read("transaction", 2, LOTS)) == ["a", "b"]
    assert names(source.read("transaction", 3, LOTS)) == ["a", "b", "c"]
    source.done("transaction", 2)
    assert names(source.read("transaction", 10, LOTS)) == ["c", "d", "e"]
    source.done("transaction", 3)
    assert source.read("transaction", 10, LOTS) == []


def test_what_comes_after_all_was_read_is_read_next(source):
    for name in "abc":
        source.append(tx(name))
        assert names(source.read("transaction", 10, LOTS)) == [name]
        source.done("transaction", 1)
        assert source.read("transaction", 10, LOTS) == []


def test_kinds_do_not_wait_for_each_other(source):
    source.append(tx("a"))
    source.append(error("e"))
    source.append(Record("report", 0, b"r"))
    source.append(tx("b"))
    assert names(source.read("error", 10, LOTS)) == ["e"]
    assert names(source.read("transaction", 10, LOTS)) == ["a", "b"]
    assert names(source.read("report", 10, LOTS)) == ["r"]
    source.done("transaction", 1)
    assert names(source.read("error", 10, LOTS)) == ["e"]
    assert names(source.read("transaction", 10, LOTS)) == ["b"]


def test_a_read_keeps_to_both_limits_but_gives_at_least_one(source):
    for name in ("aaaa", "bbbb", "cccc"):
        source.append(tx(name))
    assert names(source.read("transaction", 10, 9)) == ["aaaa", "bbbb"]
    assert names(source.read("transaction", 10, 1)) == ["aaaa"]
    assert names(source.read("transaction", 1, LOTS)) == ["aaaa"]


def test_pending_counts_records_and_spans(source):
    source.append(tx("a", 2))
    source.append(tx("b", 5))
    source.append(error("e"))
    assert source.pending("transaction") == (2, 7)
    assert source.pending("error") == (1, 0)
    source.read("transaction", 1, LOTS)
    source.done("transaction", 1)
    assert source.pending("transaction") == (1, 5)


def test_what_is_kept_is_spooled_in_the_books(source, books):
    source.append(tx("a", 3))
    source.append(error("e"))
    source.append(Record("report", 0, b"r"))
    stats = books.stats()
    assert (stats.transactions.spooled, stats.spans.spooled, stats.errors.spooled) == (1, 3, 1)


def test_done_with_more_than_was_read_finishes_what_was_read(source):
    for name in "abc":
        source.append(tx(name))
    source.read("transaction", 2, LOTS)
    source.done("transaction", 99)
    assert names(source.read("transaction", 10, LOTS))[-1] == "c"


def test_nothing_is_made_before_the_first_record(spool, root):
    assert spool.read("transaction", 10, LOTS) == []
    assert spool.pending("error") == (0, 0)
    assert spool.adopt() is None
    assert not root.exists()
    spool.append(tx("a"))
    assert files(root) == ["lock", "transaction-00000001.log"]


def test_a_drained_folder_goes_when_the_spool_is_closed(spool, root):
    spool.append(tx("a"))
    spool.read("transaction", 1, LOTS)
    spool.done("transaction", 1)
    spool.close()
    assert list(root.glob("*/*")) == []


def test_what_is_unfinished_stays_for_the_next_process(spool, root, books):
    for name in "abc":
        spool.append(tx(name))
    spool.read("transaction", 1, LOTS)
    spool.done("transaction", 1)
    spool.close()
    orphan = FileSpool(root, "https://key@host/1", books=Books()).adopt()
    assert names(orphan.read("transaction", 10, LOTS)) == ["b", "c"]
    orphan.close()


def test_a_record_after_close_is_still_kept(spool, root):
    spool.append(tx("a"))
    spool.close()
    spool.append(tx("late"))
    assert names(spool.read("transaction", 10, LOTS)) == ["late"]


def test_segments_go_as_soon_as_all_of_them_is_finished(root, books):
    spool = FileSpool(root, "d", max_bytes=16 * 10_000, books=books)
    for i in range(40):
        spool.append(tx(noise(i) + noise(i)))
    assert len(files(root)) > 8
    for _ in range(40):
        (record,) = spool.read("transaction", 1, LOTS)
        spool.done("transaction", 1)
    assert record.payload[:4] == b"0039"
    assert len([name for name in files(root) if name.endswith(".log")]) == 1
    assert books.stats().transactions.dropped == {}


def open_below(folder):
    """How many files in a folder this process has open."""
    links = (os.path.join("/proc/self/fd", number) for number in os.listdir("/proc/self/fd"))
    return sum(os.path.exists(link) and os.readlink(link).startswith(str(folder)) for link in links)


def test_files_that_are_full_do_not_stay_open(root, books):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs a /proc")
    spool = FileSpool(root, "d", max_bytes=16 * 5_000, books=books)
    spool.append(tx("a"))
    before = open_below(root)
    assert before > 0
    for _ in range(60):
        spool.append(tx(bytes(2000)))
    assert open_below(root) == before
    while records := spool.read("transaction", 5, LOTS):
        spool.done("transaction", len(records))
    spool.close()
    assert open_below(root) == 0


def test_one_read_can_go_over_several_segments(root, books):
    spool = FileSpool(root, "d", max_bytes=16 * 5_000, books=books)
    kept = [tx(b"%04d" % i * 300) for i in range(30)]
    for record in kept:
        spool.append(record)
    assert spool.read("transaction", 100, LOTS) == kept
    spool.done("transaction", 25)
    assert spool.read("transaction", 100, LOTS) == kept[25:]


def test_beyond_the_cap_the_oldest_transactions_go_and_errors_stay(root, books):
    spool = FileSpool(root, "d", max_bytes=160_000, books=books)
    for i in range(20):
        spool.append(error(f"{i:04}" * 250))
    for i in range(400):
        spool.append(tx(noise(i), spans=3))
    left = spool.read("transaction", 1000, 10 * LOTS)
    assert left[-1].payload[:4] == b"0399"
    assert [int(record.payload[:4]) for record in left] == list(range(400 - len(left), 400))
    assert 80 < len(left) < 160
    assert len(spool.read("error", 1000, LOTS)) == 20
    assert sum(path.stat().st_size for path in root.rglob("*.log")) <= 160_000
    assert books.stats().transactions.dropped == {"cache_overflow": 400 - len(left)}
    assert books.stats().spans.dropped == {"cache_overflow": 3 * (400 - len(left))}
    assert books.stats().transactions.spooled == len(left) == spool.pending("transaction")[0]


def test_beyond_the_cap_old_errors_go_when_no_transaction_is_left(root, books):
    spool = FileSpool(root, "d", max_bytes=160_000, books=books)
    spool.append(tx("a"))
    for i in range(400):
        spool.append(Record("error", 0, noise(i)))
    left = spool.read("error", 1000, 10 * LOTS)
    assert left[-1].payload[:4] == b"0399"
    assert spool.read("transaction", 10, LOTS) == []
    assert books.stats().transactions.dropped == {"cache_overflow": 1}
    assert books.stats().errors.dropped == {"cache_overflow": 400 - len(left)}


def test_what_is_being_sent_while_it_is_removed_is_counted_once(root, books):
    spool = FileSpool(root, "d", max_bytes=160_000, books=books)
    for i in range(10):
        spool.append(tx(noise(i)))
    on_the_way = spool.read("transaction", 5, LOTS)
    for i in range(10, 400):
        spool.append(tx(noise(i)))
    spool.done("transaction", len(on_the_way))
    left = len(spool.read("transaction", 1000, 10 * LOTS))
    assert books.stats().transactions.dropped["cache_overflow"] == 400 - 5 - left


def payload(number):
    """An event with six spans as it is sent, of about 2000 bytes."""
    ids = {"trace_id": os.urandom(16).hex(), "parent_span_id": os.urandom(8).hex()}
    span = {"op": "encode", "description": "parse avatar images", "origin": "manual", "start_timestamp": 1e9 + number}
    spans = [
        {**ids, "span_id": os.urandom(8).hex(), **span, "timestamp": random.random(), "data": {"rows": number}}
        for _ in range(6)
    ]
    constant = {"contexts": {"runtime": {"name": "CPython", "build": "3.11.7 (main, May  9, 07:35:25) [GCC 12.2.0]"}}}
    event = {"type": "transaction", **ids, "event_id": os.urandom(16).hex(), "spans": spans, **constant}
    return json.dumps(event).encode()


def test_a_burst_of_fifty_thousand_fits_into_the_default_room(root, books):
    """All of it a fiftieth of the size."""
    spool = FileSpool(root, "d", max_bytes=(64 << 20) // 50, books=books)
    kept = [tx(payload(number), spans=6) for number in range(1000)]
    assert sum(len(record.payload) for record in kept) > 1.2 * (64 << 20) // 50
    for record in kept:
        spool.append(record)
    assert spool.pending("transaction") == (1000, 6000)
    assert books.stats().transactions.dropped == {}
    read = []
    while records := spool.read("transaction", 1000, 64 * 1024):
        assert sum(len(record.payload) for record in records) <= 64 * 1024
        read += records
        spool.done("transaction", len(records))
    assert read == kept


def test_what_is_sent_as_fast_as_it_is_made_is_not_packed(root, books):
    spool = FileSpool(root, "d", max_bytes=160_000, books=books)

    def is_packed():
        spool.append(tx(b"as it is" * 250))
        newest = max(root.rglob("*.log"))
        return not newest.read_bytes().endswith(b"as it is")

    def send():
        while records := spool.read("transaction", 100, LOTS):
            spool.done("transaction", len(records))

    def appended(count):
        """Whether each of so many records was packed, sent one by one."""
        return [(is_packed(), send())[0] for _ in range(count)]

    assert not any(appended(100))
    assert [is_packed() for _ in range(40)][-1]
    send()
    # The file that was begun with a backlog is written to the end.
    assert not appended(200)[-1]


def test_what_was_removed_while_it_was_sent_in_vain_is_lost_and_counted(root, books):
    spool = FileSpool(root, "d", max_bytes=160_000, books=books)
    for i in range(10):
        spool.append(tx(noise(i)))
    for _ in range(2):
        assert len(spool.read("transaction", 5, LOTS)) == 5
        for i in range(400):
            spool.append(tx(noise(i)))
    left = len(spool.read("transaction", 1000, 10 * LOTS))
    assert books.stats().transactions.dropped["cache_overflow"] == 810 - left
    assert books.stats().spans.dropped["cache_overflow"] == 2 * (810 - left)
    assert spool.pending("transaction") == (left, 2 * left)
    spool.read("transaction", 5, LOTS)
    for i in range(400):
        spool.append(tx(noise(i)))
    left = spool.pending("transaction")[0]
    spool.close()
    assert books.stats().transactions.dropped["cache_overflow"] == 1210 - left


def test_what_is_too_old_is_lost_and_counted(root, books):
    now = [1_700_000_000_000_000_000]
    spool = FileSpool(root, "d", max_age=100.0, books=books, wall=lambda: now[0])
    spool.append(tx("old", 4))
    now[0] += 60_000_000_000
    spool.append(tx("young"))
    now[0] += 60_000_000_000
    assert names(spool.read("transaction", 10, LOTS)) == ["young"]
    assert books.stats().transactions.dropped == {"cache_overflow": 1}
    assert books.stats().spans.dropped == {"cache_overflow": 4}
    assert spool.pending("transaction") == (1, 2)


def test_a_clock_that_is_set_back_makes_nothing_old(root, books):
    now = [1_700_000_000_000_000_000]
    spool = FileSpool(root, "d", max_age=100.0, books=books, wall=lambda: now[0])
    spool.append(tx("from the future"))
    now[0] -= 3600 * 1_000_000_000
    assert names(spool.read("transaction", 10, LOTS)) == ["from the future"]


def test_folders_and_files_are_private_whatever_the_umask(root, books):
    for umask in (0, 0o777):
        former = os.umask(umask)
        try:
            spool = FileSpool(root / str(umask), "d", books=books)
            (root / str(umask)).parent.mkdir(mode=0o700, exist_ok=True)
            os.chmod(root, 0o700)
            spool.append(tx("a"))
            spool.read("transaction", 1, LOTS)
            spool.done("transaction", 1)
        finally:
            os.umask(former)
        for path in [root / str(umask), *(root / str(umask)).rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_name_of_the_destination_does_not_appear_on_disk(spool, root):
    spool.append(tx("a"))
    assert not [path for path in root.rglob("*") if "key" in str(path.relative_to(root)) or "host" in path.name]


class TestMemory:
    def test_the_oldest_transactions_go_first_and_errors_last(self, books):
        memory = MemorySpool(max_bytes=10, books=books)
        for record in (error("e1"), tx("t1"), tx("t2"), tx("t3"), Record("report", 0, b"r1"), error("e2")):
            memory.append(record)
        assert memory.pending("transaction") == (2, 4)
        for name in ("e3", "e4", "e5", "e6"):
            memory.append(error(name))
        assert memory.pending("transaction") == memory.pending("report") == (0, 0)
        assert names(memory.read("error", 10, LOTS)) == ["e2", "e3", "e4", "e5", "e6"]
        assert books.stats().errors.dropped == {"queue_overflow": 1}
        assert books.stats().transactions.dropped == {"queue_overflow": 3}

    def test_what_is_being_sent_is_not_dropped(self, books):
        memory = MemorySpool(max_bytes=6, books=books)
        for name in ("t1", "t2", "t3"):
            memory.append(tx(name))
        assert names(memory.read("transaction", 2, LOTS)) == ["t1", "t2"]
        memory.append(tx("t4"))
        memory.done("transaction", 2)
        assert names(memory.read("transaction", 10, LOTS)) == ["t4"]
        assert books.stats().transactions.dropped == {"queue_overflow": 1}

    def test_a_record_larger_than_the_whole_is_dropped_and_counted(self, books):
        memory = MemorySpool(max_bytes=6, books=books)
        memory.append(error("e1"))
        memory.append(tx("far too large"))
        assert memory.pending("transaction") == (0, 0)
        assert names(memory.read("error", 10, LOTS)) == ["e1"]
        assert books.stats().transactions.dropped == {"queue_overflow": 1}
        assert books.stats().transactions.spooled == 0
