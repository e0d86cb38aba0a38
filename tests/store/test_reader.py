"""Questions: which traces there are, what fits, and how the spans of one hang together."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from instrument.store import StoreDamaged
from instrument.store.reading import AmbiguousTrace, Reader, walk
from tests.store.payloads import WHEN, Ids, Transaction, error, filled, simple, writer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.db"


def names(path, **filters):
    with Reader(path) as reader:
        return [summary.name for summary in reader.find(**filters)]


def tree(path, prefix=None):
    """The newest trace, or the one asked for, as nested pairs of name and children."""

    def shape(node):
        return (node.name, [shape(child) for child in node.children]) if node.children else node.name

    with Reader(path) as reader:
        trace = reader.trace(prefix) if prefix else reader.newest()
    return trace, [shape(root) for root in trace.roots]


def test_a_store_that_does_not_exist_is_empty_and_is_not_made(tmp_path):
    path = tmp_path / "nowhere" / "traces.db"
    with Reader(path) as reader:
        assert reader.recent() == []
        assert reader.newest() is None
        assert reader.trace("ab") is None
        assert reader.errors("ab") == []
    assert not path.parent.exists()


def test_a_file_that_nobody_wrote_to_yet_is_empty(path):
    path.touch()
    with Reader(path) as reader:
        assert reader.recent() == []


def test_a_damaged_file_is_a_failure_and_is_left_where_it_is(path):
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreDamaged, match="damaged"), Reader(path) as reader:
        reader.recent()
    assert path.exists()


def test_a_reader_that_was_there_first_sees_what_comes_later(path):
    reader = Reader(path)
    assert reader.recent() == []
    store = writer(path)
    for count in range(1, 4):
        store.write([simple(Ids(count)).payload])
        assert len(reader.recent()) == count
    store.close()
    path.unlink()
    assert reader.recent() == []
    filled(path, simple(Ids(9)).payload)
    assert len(reader.recent()) == 1
    reader.close()


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs Python to run as root")
def test_a_store_in_a_folder_that_cannot_be_written_can_be_read(path):
    """A user who may read the file but write nothing beside it."""
    filled(path, simple(Ids()).payload)
    for folder in (path.parent, *list(path.parents)[:3]):
        folder.chmod(0o755)
    path.chmod(0o644)
    code = (
        "import os, sys\n"
        "from instrument.store.reading import Reader\n"
        "os.setuid(12345)\n"
        "print(len(Reader(sys.argv[1]).recent()))"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", code, path], cwd=root, capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr


def test_the_trace_that_started_last_comes_first_however_long_it_took_to_arrive(path):
    ids = Ids()
    payloads = [simple(ids, start, name=f"at {start}").payload for start in (5.0, 1.0, 9.0, 3.0)]
    filled(path, *payloads)
    assert names(path) == ["at 9.0", "at 5.0", "at 3.0", "at 1.0"]
    assert names(path, limit=2) == ["at 9.0", "at 5.0"]


def test_a_trace_over_several_processes_is_one_line_named_after_its_beginning(path):
    ids = Ids()
    worker = Transaction(ids, "job", "nightly", 0.0, 2.0)
    call = worker.span("http.client", "POST http://indexer/", 0.5, 1.0)
    indexer = Transaction(
        ids, "http.server", "POST /", 0.6, 0.8, trace=worker.trace_id, parent=call, service="indexer", pid=12
    )
    raised = error(ids, "KeyError", "'x'", 0.7, trace=worker.trace_id, span=indexer.span_id)
    filled(path, indexer.payload, raised, worker.payload)
    with Reader(path) as reader:
        (summary,) = reader.recent()
    assert (summary.name, summary.op, summary.transactions, summary.spans, summary.errors) == (
        "nightly",
        "job",
        2,
        3,
        1,
    )
    assert summary.processes == ("worker", "indexer")


def test_processes_of_one_name_are_told_apart_by_number(path):
    ids = Ids()
    first = Transaction(ids, "job", "fan out", 0.0, 2.0, service=None, pid=7)
    second = Transaction(ids, "task", "part", 0.5, 1.0, trace=first.trace_id, parent=first.span_id, service=None, pid=8)
    filled(path, first.payload, second.payload)
    with Reader(path) as reader:
        assert reader.recent()[0].processes == ("web-1:7", "web-1:8")


@pytest.fixture
def shop(path):
    """Three traces and an error without one."""
    ids = Ids()
    checkout = Transaction(ids, "http.server", "POST /checkout", 0.0, 2.0)
    checkout.span("db", "SELECT * FROM Items WHERE 100% = 'x'", 0.1, 0.05)
    checkout.span("http.client", "POST http://bank/pay", 0.3, 1.5, status="unavailable")
    search = Transaction(ids, "http.server", "GET /search", 10.0, 0.5, status="internal_error")
    search.span("db", "SELECT * FROM words", 10.1, 0.3)
    job = Transaction(ids, "job", "nightly", 20.0, 60.0)
    job.span("http.client", "GET http://bank/rates", 21.0, 0.1)
    lost = error(ids, "ValueError", "lost", 30.0)
    filled(path, checkout.payload, search.payload, job.payload, lost, error(ids, "E", "e", 10.2, trace=search.trace_id))
    return path


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["ValueError: lost", "nightly", "GET /search", "POST /checkout"]),
        ({"op": "http.client"}, ["nightly", "POST /checkout"]),
        ({"op": "http"}, []),
        ({"status": "unavailable"}, ["POST /checkout"]),
        ({"status": "internal_error"}, ["GET /search"]),
        ({"op": "http.client", "status": "ok"}, ["nightly"]),
        ({"op": "db", "status": "internal_error"}, []),
        ({"name": "items"}, ["POST /checkout"]),
        ({"name": "bank"}, ["nightly", "POST /checkout"]),
        ({"name": "GET*rates"}, ["nightly"]),
        ({"name": "100%"}, ["POST /checkout"]),
        ({"name": "1_0"}, []),
        ({"name": "["}, []),
        ({"name": "CHECKOUT"}, ["POST /checkout"]),
        ({"min_duration": 1.0}, ["nightly", "POST /checkout"]),
        ({"op": "http.client", "min_duration": 1.0}, ["POST /checkout"]),
        ({"op": "db", "min_duration": 0.2, "name": "words"}, ["GET /search"]),
        ({"since": WHEN + 15}, ["ValueError: lost", "nightly"]),
        ({"errors": True}, ["ValueError: lost", "GET /search"]),
        ({"errors": True, "op": "db"}, ["GET /search"]),
        ({"name": "bank", "limit": 1}, ["nightly"]),
    ],
)
def test_traces_are_found_by_what_one_span_of_them_is(shop, filters, expected):
    assert names(shop, **filters) == expected


def test_a_trace_is_found_by_the_beginning_of_its_id(path):
    ids = Ids()
    transactions = [simple(ids) for _ in range(50)]
    filled(path, *(transaction.payload for transaction in transactions))
    with Reader(path) as reader:
        for transaction in transactions:
            for length in (7, 8, 16, 32):
                assert reader.trace(transaction.trace_id[:length]).trace_id == transaction.trace_id
        upper = transactions[0].trace_id.upper()
        assert reader.trace(f"{upper[:8]}-{upper[8:12]}").trace_id == transactions[0].trace_id
        assert reader.trace("") is None
        assert reader.trace("nothing like it") is None
        assert reader.trace("%") is None
        assert reader.trace(transactions[0].trace_id + "00") is None


def test_a_beginning_that_fits_several_says_which(path):
    ids = Ids()
    same = [Transaction(ids, "job", "one", 0, 1, trace=f"abc{number}" + "0" * 28) for number in range(7)]
    filled(path, *(transaction.payload for transaction in same))
    with Reader(path) as reader:
        with pytest.raises(AmbiguousTrace) as caught:
            reader.trace("ab")
        assert caught.value.matches == tuple(transaction.trace_id for transaction in same[:5])
        assert reader.trace("abc4").trace_id == same[4].trace_id


def test_a_trace_is_found_by_the_id_of_its_error_event(path):
    ids = Ids()
    raised = error(ids, "KeyError", "'x'", 0.0)
    filled(path, raised)
    with Reader(path) as reader:
        trace = reader.newest()
        assert reader.trace(trace.errors[0].event_id).trace_id == trace.trace_id
        assert [record.title for record in reader.errors(trace.trace_id)] == ["KeyError: 'x'"]


def test_spans_hang_beneath_their_parents_in_order_of_start(path):
    job = Transaction(Ids(), "job", "nightly", 0.0, 1.0)
    late = job.span("task", "second", 0.5, 0.2)
    job.span("db", "in second", 0.6, 0.1, parent=late)
    early = job.span("task", "first", 0.1, 0.2, data={"bytes": 7})
    job.span("db", "in first, later", 0.2, 0.05, parent=early)
    job.span("db", "in first", 0.15, 0.05, parent=early)
    filled(path, job.payload)
    trace, shape = tree(path)
    assert shape == [("nightly", [("first", ["in first", "in first, later"]), ("second", ["in second"])])]
    assert (trace.spans, trace.error_count, trace.duration) == (6, 0, pytest.approx(1.0))
    root, first, *_ = walk(trace.roots)
    assert (root.is_root, root.tags, first.data, first.is_root) == (True, {"shard": "3"}, {"bytes": 7}, False)


def test_a_span_whose_parent_is_missing_is_an_orphan_at_the_top(path):
    ids = Ids()
    job = Transaction(ids, "job", "nightly", 0.0, 1.0)
    job.span("db", "lost its parent", 0.5, 0.1, parent=ids(16))
    filled(path, job.payload)
    trace, shape = tree(path)
    assert shape == ["nightly", "lost its parent"]
    assert [root.is_orphan for root in trace.roots] == [False, True]


def test_spans_that_are_each_others_ancestors_are_all_shown(path):
    job = Transaction(Ids(), "job", "nightly", 0.0, 1.0)
    one = job.span("a", "one", 0.1, 0.1)
    two = job.span("a", "two", 0.2, 0.1, parent=one)
    job.span("a", "three", 0.3, 0.1, parent=two)
    job.event["spans"][0]["parent_span_id"] = two
    own = job.span("a", "own parent", 0.4, 0.1)
    job.event["spans"][-1]["parent_span_id"] = own
    filled(path, job.payload)
    trace, shape = tree(path)
    assert shape == ["nightly", ("one", [("two", ["three"])]), "own parent"]
    assert trace.spans == 5


def test_a_chain_of_ten_thousand_spans_is_no_trouble(path):
    job = Transaction(Ids(), "job", "deep", 0.0, 1.0)
    parent = None
    for _ in range(10_000):
        parent = job.span("function", "recurse", 0.1, 0.1, parent=parent)
    filled(path, job.payload)
    with Reader(path) as reader:
        assert sum(1 for _ in walk(reader.newest().roots)) == 10_001


def skewed(path, *, offset, duration=0.5, op="http.client"):
    """A call of a second at 1.0; the callee's clock is off by `offset`. Returns the callee's root and its child."""
    ids = Ids()
    caller = Transaction(ids, "job", "caller", 0.0, 3.0)
    call = caller.span(op, "call", 1.0, 1.0)
    callee = Transaction(
        ids, "http.server", "callee", 1.2 + offset, duration, trace=caller.trace_id, parent=call, pid=2
    )
    callee.span("db", "query", 1.3 + offset, 0.1)
    filled(path, caller.payload, callee.payload)
    with Reader(path) as reader:
        trace = reader.trace(caller.trace_id)
    root = trace.roots[0].children[0].children[0]
    return root, root.children[0], trace


@pytest.mark.parametrize("offset", [-60.0, 60.0])
def test_a_callee_whose_clock_is_off_is_put_in_the_middle_of_the_call(path, offset):
    root, query, trace = skewed(path, offset=offset)
    assert root.start - WHEN == pytest.approx(1.25)
    assert query.start - WHEN == pytest.approx(1.35)
    assert root.shift == pytest.approx(0.05 - offset)
    assert trace.duration == pytest.approx(3.0)


def test_a_callee_that_took_longer_than_the_call_begins_with_it(path):
    root, _, _ = skewed(path, offset=-60.0, duration=5.0)
    assert root.start - WHEN == pytest.approx(1.0)


@pytest.mark.parametrize(("offset", "op"), [(0.0, "http.client"), (0.5, "http.client"), (60.0, "queue.publish")])
def test_a_clock_that_may_be_right_is_believed(path, offset, op):
    root, _, _ = skewed(path, offset=offset, op=op)
    assert root.start - WHEN == pytest.approx(1.2 + offset)
    assert root.shift == 0.0


def test_errors_are_on_the_span_they_were_raised_in_and_say_where(path):
    ids = Ids()
    job = Transaction(ids, "job", "nightly", 0.0, 1.0)
    step = job.span("task", "step", 0.1, 0.2, status="internal_error")
    frames = [("app.py", 12, True), ("steps.py", 34, True), ("/usr/lib/python3/json/decoder.py", 353, False)]
    inside = error(ids, "ValueError", "bad", 0.2, trace=job.trace_id, span=step, frames=frames)
    foreign = error(ids, "OSError", "gone", 0.3, trace=job.trace_id, span=step, frames=frames[2:])
    elsewhere = error(ids, "KeyError", "'x'", 0.4, trace=job.trace_id, span=ids(16), frames=())
    filled(path, elsewhere, foreign, inside, job.payload)
    trace, _ = tree(path)
    node = trace.roots[0].children[0]
    assert [(raised.title, raised.place) for raised in node.errors] == [
        ("ValueError: bad", "steps.py:34"),
        ("OSError: gone", "/usr/lib/python3/json/decoder.py:353"),
    ]
    assert [(raised.title, raised.place) for raised in trace.errors] == [("KeyError: 'x'", None)]
    assert trace.error_count == 3


def test_a_folded_span_says_how_many_it_stands_for(path):
    job = Transaction(Ids(), "job", "nightly", 0.0, 1.0)
    job.span("db", "INSERT", 0.1, 0.5, data={"folded.count": 240})
    job.span("db", "SELECT", 0.7, 0.1, data={"folded.count": "many"})
    filled(path, job.payload)
    trace, _ = tree(path)
    assert [node.folded for node in walk(trace.roots)] == [1, 240, 1]


def test_the_reader_cannot_write(path):
    filled(path, simple(Ids()).payload)
    with Reader(path) as reader:
        reader.recent()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM traces")
