"""Transactions: started, held, sampled, continued, handed over."""

import gc
import random
import weakref

import pytest

import instrument
from instrument import (
    configure_scope,
    continue_trace,
    get_current_hub,
    get_current_transaction,
    span,
    start_transaction,
    transaction,
)
from instrument.testing import record

TRACE, SPAN = "0123456789abcdef0123456789abcdef", "fedcba9876543210"


def test_a_started_transaction_is_nowhere_until_it_is_set_on_a_scope():
    with record() as recorded:
        tx = start_transaction("task", "resize")
        assert get_current_transaction() is None
        configure_scope(lambda scope: scope.set_span(tx))
        assert get_current_transaction() is tx
        assert get_current_hub().scope.get_transaction() is tx
        assert instrument.get_current_scope().span is tx
        with span("encode"):
            pass
        tx.finish()
        assert get_current_transaction() is None
    assert recorded.tree() == "task resize\n  encode\n"


def test_a_transaction_that_is_replaced_on_the_scope_does_not_come_back():
    with record():
        first, second = start_transaction("a", "1"), start_transaction("a", "2")
        scope = instrument.get_current_scope()
        scope.set_span(first)
        scope.set_span(second)
        assert get_current_transaction() is second
        second.finish()
        assert get_current_transaction() is None


def test_a_transaction_inside_another_is_a_trace_of_its_own_and_the_outer_one_is_current_again():
    with record() as recorded, transaction("job", "outer") as outer:
        with transaction("job", "inner") as inner:
            assert inner.trace_id != outer.trace_id
            assert inner.parent_span_id is None
            with span("a"):
                pass
        assert get_current_transaction() is outer
        with span("b"):
            pass
    assert recorded.tree() == "job inner\n  a\njob outer\n  b\n"


def test_finishing_inside_a_child_block_leaves_nothing_current_after_it():
    with record():
        tx = start_transaction("a", "1")
        instrument.get_current_scope().set_span(tx)
        with span("late"):
            tx.finish()
        assert get_current_transaction() is None
        assert instrument.get_current_span() is None


def test_a_transaction_is_a_decorator():
    @transaction(op="job", name="nightly")
    def work(number):
        with span("inside"):
            return number + 1

    @transaction
    def bare():
        return get_current_transaction().name

    with record() as recorded:
        assert [work(1), work(2)] == [2, 3]
        assert bare().endswith("bare")
    assert recorded.tree().startswith("job nightly\n  inside\njob nightly\n  inside\n")
    assert len({item.trace_id for item in recorded.transactions}) == 3


def test_headers_continue_a_trace():
    baggage = f"sentry-trace_id={TRACE},sentry-sample_rate=0.5,other=x"
    headers = {"Sentry-Trace": f"{TRACE}-{SPAN}-1", "BAGGAGE": baggage}
    with record(traces_sample_rate=0.0) as recorded:
        tx = continue_trace(headers, "http.server", "GET /")
        out = tx.trace_headers()
        tx.finish()
    (item,) = recorded.transactions
    assert (item.trace_id, item.parent_span_id) == (TRACE, SPAN)
    assert out["sentry-trace"] == f"{TRACE}-{item.span_id}-1"
    assert "sentry-sample_rate=0.5" in out["baggage"]
    assert "other" not in out["baggage"]
    assert item.dynamic_sampling_context["sample_rate"] == "0.5"


def test_a_trace_without_sampling_context_is_not_given_one():
    with record() as recorded:
        tx = continue_trace({"sentry-trace": f"{TRACE}-{SPAN}-1"}, "a", "b")
        assert "baggage" not in tx.trace_headers()
        tx.finish()
    assert recorded.transactions[0].dynamic_sampling_context is None


@pytest.mark.parametrize("bad", [{}, {"sentry-trace": "nonsense"}, {"sentry-trace": f"{'0' * 32}-{SPAN}-1"}, None, 7])
def test_malformed_headers_begin_a_new_trace(bad):
    with record() as recorded:
        continue_trace(bad, "a", "b").finish()
    assert recorded.transactions[0].parent_span_id is None


@pytest.mark.parametrize(
    ("flag", "rate", "sends", "says"),
    [
        ("", None, 0, ""),
        ("", 0.0, 0, "-0"),
        ("", 1.0, 1, "-1"),
        ("-1", None, 0, "-1"),
        ("-1", 0.0, 1, "-1"),
        ("-1", 1.0, 1, "-1"),
        ("-0", None, 0, "-0"),
        ("-0", 0.0, 0, "-0"),
        ("-0", 1.0, 0, "-0"),
    ],
)
def test_the_incoming_flag_and_the_rate_decide(flag, rate, sends, says):
    headers = {"sentry-trace": f"{TRACE}-{SPAN}{flag}"}
    with record(traces_sample_rate=rate) as recorded, transaction("a", "b", headers=headers) as tx:
        said = instrument.trace_headers()["sentry-trace"]
    assert said == f"{TRACE}-{tx.span_id}{says}"
    assert len(recorded.transactions) == sends


def test_explicit_beats_sampler_beats_parent_beats_rate():
    parent = {"sentry-trace": f"{TRACE}-{SPAN}-0"}

    def decided(sampler=None, **settings):
        with record(traces_sample_rate=1.0, traces_sampler=sampler):
            return start_transaction("a", "b", **settings).sampled

    assert decided(lambda context: 0, sampled=True) is True
    assert decided(lambda context: 1, headers=parent) is True
    assert decided(lambda context: False) is False
    assert decided(headers=parent) is False
    assert decided() is True


def test_a_sampler_sees_the_whole_context():
    seen = []
    headers = {"sentry-trace": f"{TRACE}-{SPAN}-1", "baggage": "sentry-sample_rate=0.25"}
    with record(traces_sampler=lambda context: seen.append(context) or 1.0):
        start_transaction("task", "resize", source="task", headers=headers, data={"a": 1}, sampling_context={"mine": 2})
    (context,) = seen
    inner = context["transaction_context"]
    assert (inner["op"], inner["name"], inner["source"], inner["data"]) == ("task", "resize", "task", {"a": 1})
    assert (inner["trace_id"], inner["parent_span_id"]) == (TRACE, SPAN)
    assert len(inner["span_id"]) == 16
    assert (context["parent_sampled"], context["parent_sample_rate"], context["mine"]) == (True, 0.25, 2)


def test_a_sampler_that_raises_counts_as_not_configured():
    def broken(context):
        raise KeyError("x")

    with record(traces_sampler=broken, traces_sample_rate=1.0):
        assert start_transaction("a", "b").sampled is True
        assert start_transaction("a", "b", headers={"sentry-trace": f"{TRACE}-{SPAN}-0"}).sampled is False
    with record(traces_sampler=broken, traces_sample_rate=0.0):
        assert start_transaction("a", "b").sampled is False


@pytest.mark.parametrize("answer", [2, -1, float("nan"), "much", None])
def test_an_answer_that_is_no_rate_records_nothing_or_is_ignored(answer):
    with record(traces_sampler=lambda context: answer, traces_sample_rate=0.0):
        assert start_transaction("a", "b").sampled is False


def test_a_rate_samples_its_share_and_agrees_with_the_number_it_sends_on():
    with record(traces_sample_rate=0.3):
        begun = [start_transaction("a", "b") for _ in range(2000)]
        share = sum(tx.sampled for tx in begun) / len(begun)
        for tx in begun[:200]:
            values = dict(part.split("=") for part in tx.trace_headers()["baggage"].split(","))
            assert (float(values["sentry-sample_rand"]) < 0.3) is tx.sampled
            assert values["sentry-sample_rate"] == "0.3"
    assert 0.2 < share < 0.4


def test_the_programs_own_random_numbers_are_left_alone():
    state = random.getstate()
    with record(traces_sample_rate=0.5):
        for _ in range(10):
            start_transaction("a", "b").trace_headers()
    assert random.getstate() == state


def test_an_unsampled_transaction_gives_null_spans_that_know_the_decision():
    with record(traces_sample_rate=0.0) as recorded:
        with transaction("a", "b") as tx, span("c") as one:
            assert one.sampled is False
            assert one.transaction is tx
            assert one.trace_headers()["sentry-trace"] == f"{tx.trace_id}-{tx.span_id}-0"
            assert instrument.get_current_transaction() is tx
            instrument.capture_message("still sent")
        assert recorded.transactions == []
        assert (recorded.errors[0].trace_id, recorded.errors[0].span_id) == (tx.trace_id, tx.span_id)
        counted = recorded.stats()
        assert counted.transactions.unsampled == counted.spans.unsampled == 1
        assert counted.balanced


def test_renaming_does_not_change_what_was_frozen():
    with record() as recorded:
        tx = start_transaction("a", "before")
        tx.trace_headers()
        tx.set_name("after", source="route")
        tx.finish()
    (item,) = recorded.transactions
    assert (item.name, item.source) == ("after", "route")
    assert item.dynamic_sampling_context["transaction"] == "before"


def test_a_raw_path_is_not_put_into_the_sampling_context():
    with record() as recorded:
        start_transaction("a", "/users/7", source="url").finish()
    assert "transaction" not in recorded.transactions[0].dynamic_sampling_context


def test_the_environment_of_the_process_continues_a_trace(monkeypatch):
    from instrument.exporters import Memory

    monkeypatch.setenv("SENTRY_TRACE", f"{TRACE}-{SPAN}-1")
    monkeypatch.setenv("SENTRY_BAGGAGE", "sentry-environment=test")
    memory = Memory()
    instrument.init(exporter=memory, default_integrations=False)
    with transaction("a", "b"):
        pass
    instrument.capture_message("hello")
    assert (memory.transactions[0].trace_id, memory.transactions[0].parent_span_id) == (TRACE, SPAN)
    assert memory.errors[0].trace_id == TRACE
    with instrument.isolated_scope():
        assert start_transaction("a", "b").trace_id != TRACE


def test_a_delivered_transaction_is_not_kept_alive_by_its_children():
    gc.disable()
    try:
        with record() as recorded:
            with transaction("a", "b") as tx:
                with span("kept") as child:
                    pass
                unfinished = tx.start_child("open")
            gone = weakref.ref(tx)
            recorded.clear()
            del tx
            assert gone() is None or unfinished._parent is gone()
            del unfinished
            assert gone() is None
            assert child.parent_span_id
    finally:
        gc.enable()


def test_an_abandoned_transaction_is_counted():
    with record() as recorded:
        tx = start_transaction("a", "b")
        assert recorded.stats().transactions.open == 1
        del tx
        gc.collect()
        counted = recorded.stats()
        assert counted.transactions.dropped == {"abandoned": 1}
        assert counted.balanced


def test_of_several_that_run_only_the_one_that_nobody_holds_is_counted_as_abandoned():
    with record() as recorded:
        kept, dropped, other = (start_transaction("task", name) for name in ("kept", "dropped", "other"))
        del dropped
        gc.collect()
        counted = recorded.stats().transactions
        assert (counted.open, counted.dropped) == (2, {"abandoned": 1})
        kept.finish()
        other.finish()
    assert [item.name for item in recorded.transactions] == ["kept", "other"]
    assert recorded.stats().balanced


def test_what_other_vendors_said_of_the_trace_goes_along_with_what_leaves():
    headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "vendor=1,other=2"}
    with record() as recorded, transaction("task", "a", headers=headers):
        instrument.capture_message("b")
    assert [recorded.transactions[0].tracestate, recorded.errors[0].tracestate] == ["vendor=1,other=2"] * 2
    with record() as recorded, transaction("task", "a"):
        instrument.capture_message("b")
    assert [recorded.transactions[0].tracestate, recorded.errors[0].tracestate] == [None, None]
