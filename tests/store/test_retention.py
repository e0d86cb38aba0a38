"""What leaves the store: the old, and when it is full the oldest traces first and errors last."""

import time

import pytest

from instrument.store.reading import Reader
from tests.store.payloads import LARGE, WHEN, Ids, Transaction, error, every, simple, writer

MIB = 1 << 20


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.db"


def wide(ids, start, *, spans=30):
    """About 10 kB."""
    return simple(ids, start, spans=spans, name=f"at {start}").payload


def test_what_ended_too_long_ago_goes_with_its_errors(path):
    ids = Ids()
    age = time.time() - WHEN
    long_gone = Transaction(ids, "job", "long gone", -90_000.0, 10.0)
    lasting = Transaction(ids, "job", "began long ago", -90_000.0, 90_000.0 + 60.0)
    recent = Transaction(ids, "job", "recent", 0.0, 1.0)
    old_error = error(ids, "OldError", "gone", -89_995.0, trace=long_gone.trace_id, span=long_gone.span_id)
    store = writer(path, max_age=age + 3600)
    store.write([long_gone.payload, old_error, lasting.payload, recent.payload])
    store.close()
    assert [summary.name for summary in every(path)] == ["began long ago", "recent"]
    with Reader(path) as reader:
        assert reader.find(errors=True) == []


def test_the_file_stays_within_its_bound_and_the_newest_traces_stay(path):
    store = writer(path, max_bytes=MIB)
    ids = Ids()
    for batch in range(40):
        store.write([wide(ids, batch * 10 + number) for number in range(10)])
        assert path.stat().st_size <= MIB + 300_000
    store.close()
    assert path.stat().st_size <= MIB
    names = [summary.name for summary in every(path)]
    assert 40 <= len(names) < 200
    assert names == [f"at {number}" for number in range(400 - len(names), 400)]


def test_errors_outlive_the_traces_around_them(path):
    ids = Ids()
    store = writer(path, max_bytes=MIB)
    first = simple(ids, 0.0)
    store.write([first.payload, error(ids, "KeyError", "'x'", 0.5, trace=first.trace_id, span=first.span_id)])
    for batch in range(40):
        store.write([wide(ids, 10 + batch * 10 + number) for number in range(10)])
    store.close()
    oldest = every(path)[0]
    assert (oldest.trace_id, oldest.transactions, oldest.errors) == (first.trace_id, 0, 1)
    assert oldest.name == "KeyError: 'x'"


def test_errors_alone_do_not_push_every_trace_out(path):
    ids = Ids()
    store = writer(path, max_bytes=MIB)
    for number in range(300):
        store.write([error(ids, "Flood", "x" * 8000, float(number)), simple(ids, number + 0.5).payload])
    store.close()
    assert path.stat().st_size <= MIB
    summaries = every(path)
    assert sum(summary.errors for summary in summaries) > 30
    assert summaries[-1].transactions == 1
    assert summaries[-2].errors == 1


def test_a_single_trace_that_is_larger_than_the_bound_can_be_seen(path):
    store = writer(path, max_bytes=100_000)
    store.write([wide(Ids(1), 0.0), wide(Ids(2), 10.0, spans=2000)])
    store.close()
    assert [summary.spans for summary in every(path)] == [2001]


def test_a_bound_that_was_lowered_gives_space_back_step_by_step(path):
    ids = Ids()
    store = writer(path, max_bytes=LARGE)
    for batch in range(30):
        store.write([wide(ids, batch * 10 + number) for number in range(10)])
    store.close()
    before = path.stat().st_size
    store = writer(path, max_bytes=MIB // 2)
    for number in range(5):
        store.write([wide(ids, 1000 + number)])
    store.close()
    assert path.stat().st_size <= MIB // 2 < before
    assert every(path)[-1].name == "at 1004"
