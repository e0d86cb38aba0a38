"""Beyond max_spans similar spans become one, and nothing is lost without being counted."""

import random

import pytest

from instrument import span, traced, transaction
from instrument.recording.folding import FOLDED
from instrument.testing import record
from instrument.wire import EnvelopeCodec, read_envelope
from tests.relay_check import assert_relay_accepts


def folded(item):
    return [one for one in item.spans if one.data and FOLDED[0] in one.data]


def stands_for(item):
    return sum(one.data[FOLDED[0]] if one.data and FOLDED[0] in one.data else 1 for one in item.spans)


def test_a_long_loop_is_one_span_that_counts_exactly():
    with record(max_spans=100, deterministic=True) as recorded, transaction("job", "loop"):
        for _ in range(5000):
            with span("db", "SELECT 1"):
                pass
    (item,) = recorded.transactions
    assert len(item.spans) <= 201
    assert stands_for(item) == 5000
    (one,) = folded(item)
    count, total, least, most = (one.data[key] for key in FOLDED)
    assert least == most == pytest.approx(0.001)
    assert total == pytest.approx(count * 0.001)
    counted = recorded.stats()
    assert counted.spans.folded == count - 1
    assert counted.spans.started == 5001
    assert counted.balanced


def test_what_is_below_the_limit_is_not_folded():
    with record(max_spans=100) as recorded, transaction("job", "loop"):
        for _ in range(100):
            with span("db", "SELECT 1"):
                pass
    assert folded(recorded.transactions[0]) == []
    assert len(recorded.spans) == 100


def test_failed_named_and_open_spans_and_parents_stay_whole():
    with record(max_spans=10) as recorded, transaction("job", "loop") as tx:
        still_open = tx.start_child("db", "SELECT 1")
        with span("db", "SELECT 1") as parent, span("inner"):
            pass
        with pytest.raises(ValueError), span("db", "SELECT 1"):
            raise ValueError
        with span("db", "SELECT 1") as named:
            named.trace_headers()
        for _ in range(100):
            with span("db", "SELECT 1"):
                pass
        still_open.finish()
    (item,) = recorded.transactions
    assert {parent, named, still_open} <= set(item.spans)
    assert [one.status for one in item.spans].count("internal_error") == 1
    assert stands_for(item) == 105
    ids = {item.span_id, *(one.span_id for one in item.spans)}
    assert all(one.parent_span_id in ids for one in item.spans)


def test_an_unusually_slow_one_stays_whole(monkeypatch):
    with record(max_spans=20, deterministic=True) as recorded, transaction("job", "loop") as tx:
        for number in range(200):
            child = tx.start_child("db", "SELECT 1")
            child.start_ticks -= 500_000_000 if number == 7 else 0
            child.finish()
    slow = [one for one in recorded.spans if one.duration > 0.4]
    assert [one.data for one in slow] == [None]
    assert stands_for(recorded.transactions[0]) == 200


def test_spans_that_are_all_different_are_all_kept():
    with record(max_spans=10) as recorded, transaction("job", "loop"):
        for number in range(300):
            with span("db", f"SELECT {number}"):
                pass
    assert len(recorded.spans) == 300
    assert recorded.stats().spans.folded == 0


def test_what_is_no_text_for_a_name_is_kept_whole():
    with record(max_spans=10) as recorded, transaction("job", "loop"):
        for _ in range(50):
            with span(["db"], {"a": 1}):
                pass
    assert len(recorded.spans) == 50
    assert recorded.stats().spans.folded == 0


def test_siblings_that_take_turns_are_folded_by_kind():
    with record(max_spans=10) as recorded, transaction("job", "loop"):
        for number in range(300):
            with span("db", f"SELECT {'ab'[number % 2]}"):
                pass
    assert {one.description for one in folded(recorded.transactions[0])} == {"SELECT a", "SELECT b"}
    assert stands_for(recorded.transactions[0]) == 300


def test_any_mix_adds_up():
    dice = random.Random(7)

    @traced(op="task")
    def work(depth):
        for _ in range(dice.randrange(4)):
            if depth:
                work(depth - 1)
            with span("db", dice.choice("abc")):
                pass

    with record(max_spans=50) as recorded, transaction("job", "mix"):
        for _ in range(200):
            work(3)
    counted = recorded.stats()
    item = recorded.transactions[0]
    assert counted.balanced
    assert counted.spans.folded > 0
    assert stands_for(item) == counted.spans.started - 1
    ids = {item.span_id, *(one.span_id for one in item.spans)}
    assert all(one.parent_span_id in ids for one in item.spans)


def test_a_hundred_thousand_calls_make_a_payload_the_server_takes():
    @traced(op="task")
    def process(number):
        return number

    with record() as recorded, transaction("job", "large"):
        for number in range(100_000):
            process(number)
    envelope = read_envelope(EnvelopeCodec().join([EnvelopeCodec().encode(recorded.transactions[0])]))
    (sent,) = envelope.items
    assert len(sent.payload) < 1_000_000
    assert_relay_accepts(sent.json())
    assert stands_for(recorded.transactions[0]) == 100_000
