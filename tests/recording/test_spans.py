"""Spans: children of what is current, finished once, with what was set on them."""

import subprocess
import sys

import pytest

import instrument
from instrument import get_current_span, get_current_transaction, span, transaction
from instrument.testing import record


def test_a_block_is_a_child_of_the_span_that_is_current():
    with record() as recorded, transaction("job", "nightly") as tx, span("outer", "first") as outer:
        with span("inner", "second") as inner:
            assert get_current_span() is inner
        assert get_current_span() is outer
    names = {one.description: one for one in recorded.spans}
    assert names["first"].parent_span_id == tx.span_id == recorded.transactions[0].span_id
    assert names["second"].parent_span_id == names["first"].span_id
    assert {one.trace_id for one in recorded.spans} == {recorded.transactions[0].trace_id}


def test_outside_a_transaction_a_block_is_the_null_span_and_nothing_is_current():
    with record() as recorded:
        with span("encode", "x") as one, span("encode", "y") as other:
            one.set_data("key", 1)
            one.set_tag("key", 1)
            assert one is other
            assert one.trace_headers() == {}
            assert get_current_span() is None
        assert recorded.transactions == []


def test_what_is_set_on_a_span_arrives():
    with record() as recorded, transaction("job", "nightly"), span("encode", "image", data={"bytes": 7}) as one:
        one.update_tags({"format": "png"})
        one.set_data("height", 3)
        one.set_tag("retry", 2)
        one.set_status("ok")
        one.set_measurement("size", 7, "byte")
    (seen,) = recorded.spans
    assert (seen.op, seen.description, seen.status) == ("encode", "image", "ok")
    assert seen.data == {"bytes": 7, "height": 3}
    assert seen.tags == {"format": "png", "retry": "2"}
    assert seen.measurements == {"size": {"value": 7, "unit": "byte"}}


def test_a_value_is_copied_when_it_is_set():
    items = [1]
    with record() as recorded, transaction("job", "nightly"), span("a") as one:
        one.set_data("items", items)
        items.append(2)
    assert recorded.spans[0].data == {"items": [1]}


def test_data_and_tags_given_with_a_span_are_copied_and_made_plain():
    data, tags = {"rows": 3}, {"region": "north"}
    with record() as recorded, transaction("job", "nightly"):
        with span("a", "b", data=data, tags=tags):
            data["rows"] = tags["region"] = "changed"
        with span("a", "b", data={1: [2, (3,)]}, tags={"attempt": 3, 4: "four"}):
            pass
    first, second = recorded.spans
    assert (first.data, first.tags) == ({"rows": 3}, {"region": "north"})
    assert (second.data, second.tags) == ({"1": [2, [3]]}, {"attempt": "3", "4": "four"})


def test_start_child_does_not_become_current_but_its_block_does():
    with record(), transaction("job", "nightly") as tx:
        child = tx.start_child("a", "one")
        assert get_current_span() is tx
        with child:
            assert get_current_span() is child
            assert get_current_transaction() is tx
        assert get_current_span() is tx


def test_finishing_twice_is_finishing_once():
    with record() as recorded, transaction("job", "nightly") as tx:
        child = tx.start_child("a", "one")
        child.finish("ok")
        end = child.end_ticks
        child.finish("aborted")
        assert (child.end_ticks, child.status) == (end, "ok")
        with span("b") as block:
            block.finish("cancelled")
            assert get_current_span() is tx
        tx.finish()
        tx.finish()
    assert len(recorded.transactions) == 1
    assert [one.status for one in recorded.spans] == ["ok", "cancelled"]


def test_an_exception_marks_every_span_it_leaves_and_passes_unchanged():
    error = ValueError("no")
    with record() as recorded:
        with pytest.raises(ValueError) as caught, transaction("job", "nightly"), span("a"):
            raise error
        assert caught.value is error
        assert recorded.transactions[0].status == "internal_error"
        assert recorded.spans[0].status == "internal_error"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SystemExit(0), None),
        (SystemExit(), None),
        (SystemExit(1), "internal_error"),
        (KeyboardInterrupt(), "cancelled"),
        (StopIteration(), None),
    ],
)
def test_control_flow_is_not_an_error(error, status):
    with record() as recorded:
        with pytest.raises(type(error)), transaction("job", "nightly"):
            raise error
        assert recorded.transactions[0].status == status


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (200, "ok"),
        (302, "ok"),
        (400, "invalid_argument"),
        (401, "unauthenticated"),
        (403, "permission_denied"),
        (404, "not_found"),
        (409, "already_exists"),
        (413, "failed_precondition"),
        (429, "resource_exhausted"),
        (499, "cancelled"),
        (500, "internal_error"),
        (501, "unimplemented"),
        (503, "unavailable"),
        (504, "deadline_exceeded"),
        (700, "unknown_error"),
    ],
)
def test_an_http_code_sets_status_tag_data_and_response(code, status):
    with record() as recorded, transaction("http.server", "/") as tx:
        tx.set_http_status(code)
    (item,) = recorded.transactions
    assert item.status == status
    assert item.tags["http.status_code"] == str(code)
    assert item.data["http.response.status_code"] == code
    assert item.contexts["response"] == {"status_code": code}


def test_values_of_the_wrong_type_are_recorded_as_text():
    with record() as recorded, transaction("job", "nightly"), span("a") as one:
        one.set_tag(1, None)
        one.set_data(("x",), object())
        one.set_status(3)
    (seen,) = recorded.spans
    assert all(type(key) is str and type(value) is str for key, value in seen.tags.items())
    assert all(type(key) is str for key in seen.data)
    assert seen.status == "3"


def test_ids_are_drawn_once_and_do_not_change():
    with record() as recorded, transaction("job", "nightly") as tx, span("a") as one:
        early = (tx.trace_id, tx.span_id, one.span_id)
        headers = one.trace_headers()
    item = recorded.transactions[0]
    assert (item.trace_id, item.span_id, item.spans[0].span_id) == early
    assert headers["sentry-trace"] == f"{item.trace_id}-{one.span_id}-1"


def test_children_lie_within_their_transaction_in_time():
    with record() as recorded, transaction("job", "nightly"):
        for _ in range(50):
            with span("a"), span("b"):
                pass
    (item,) = recorded.transactions
    for one in item.spans:
        assert item.time <= item.epoch + one.start_ticks <= item.epoch + one.end_ticks <= item.end


def test_a_clock_that_steps_back_makes_no_negative_durations(monkeypatch):
    wall = iter([2_000_000_000_000_000_000, 1_000_000_000_000_000_000, 1_000_000_000_000_000_000])
    monkeypatch.setattr("instrument._clock.wall", lambda: next(wall))
    with record() as recorded, transaction("job", "nightly"), span("a"):
        pass
    (item,) = recorded.transactions
    assert item.duration >= 0
    assert item.time == pytest.approx(2_000_000_000_000_000_000, abs=1_000_000_000)


async def _in_async_blocks():
    async with transaction("job", "nightly"), span("a", "one") as one:
        return get_current_span() is one


def test_blocks_work_in_async_with():
    import asyncio

    with record() as recorded:
        assert asyncio.run(_in_async_blocks())
    assert recorded.tree() == "job nightly\n  a one\n"


BEFORE_INIT = """
import instrument
from instrument import span, start_transaction, traced, transaction
@traced
def work():
    return 7
with transaction("job", "nightly") as tx, span("a") as one:
    one.set_data("key", 1)
    tx.set_tag("key", 1)
    assert work() == 7
    assert instrument.get_current_span() is None
    assert instrument.trace_headers() == {}
    assert instrument.trace_meta() == ""
    assert instrument.capture_message("hello") is None
    instrument.set_tag("key", 1)
    instrument.add_breadcrumb(message="x")
assert start_transaction("a", "b").sampled is None
assert instrument.flush(1)
assert instrument.stats().transactions.started == 0
assert instrument.close(1)
"""


def test_before_init_nothing_is_recorded_and_nothing_fails():
    done = subprocess.run([sys.executable, "-c", BEFORE_INIT], check=True, capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_suppress_records_nothing_inside():
    with record() as recorded, transaction("job", "nightly"):
        with instrument.suppress():
            with span("a"), transaction("b", "c") as inner:
                assert instrument.trace_headers() == {}
                assert instrument.capture_message("hello") is None
            assert inner.sampled is None
        with span("kept"):
            pass
    assert recorded.tree() == "job nightly\n  kept\n"
    assert recorded.errors == []
