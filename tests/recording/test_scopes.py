"""Scopes: what is set in one reaches what is captured in it, and nothing else."""

import pytest

import instrument
from instrument import (
    add_breadcrumb,
    capture_exception,
    capture_message,
    configure_scope,
    isolated_scope,
    push_scope,
    set_context,
    set_extra,
    set_tag,
    set_user,
    span,
    transaction,
)
from instrument.testing import record


def test_what_is_set_on_the_scope_is_on_everything_captured():
    with record() as recorded:
        set_tag("region", "north")
        set_user({"id": 7})
        set_context("cart", {"items": 3})
        set_extra("note", "x")
        add_breadcrumb({"category": "cart"}, message="added")
        capture_message("hello", "warning")
        with transaction("a", "b") as tx:
            tx.set_tag("region", "south")
    (error,) = recorded.errors
    assert (error.message, error.level) == ("hello", "warning")
    assert (error.tags, error.user, error.extra) == ({"region": "north"}, {"id": 7}, {"note": "x"})
    assert error.contexts["cart"] == {"items": 3}
    assert [(crumb["category"], crumb["message"]) for crumb in error.breadcrumbs] == [("cart", "added")]
    (item,) = recorded.transactions
    assert item.tags == {"region": "south"}
    assert item.user == {"id": 7}
    assert item.breadcrumbs == []


def test_a_pushed_scope_is_a_copy_that_ends_with_its_block():
    with record() as recorded:
        set_tag("a", 1)
        with push_scope() as scope:
            scope.set_tag("b", 2)
            add_breadcrumb(message="inside")
            capture_message("inner")
        capture_message("outer")
    inner, outer = recorded.errors
    assert inner.tags == {"a": "1", "b": "2"}
    assert outer.tags == {"a": "1"}
    assert (len(inner.breadcrumbs), len(outer.breadcrumbs)) == (1, 0)


def test_an_isolated_scope_starts_empty_with_no_transaction_and_another_trace():
    with record() as recorded, transaction("a", "b") as tx:
        set_tag("a", 1)
        with isolated_scope():
            assert instrument.get_current_transaction() is None
            with span("nothing"):
                capture_message("inner")
        assert instrument.get_current_transaction() is tx
        capture_message("outer")
    inner, outer = recorded.errors
    assert inner.tags == {}
    assert inner.trace_id != tx.trace_id
    assert outer.trace_id == tx.trace_id


def test_configure_scope_changes_the_scope_for_good():
    with record() as recorded:
        configure_scope(lambda scope: scope.set_tag("a", 1))
        with configure_scope() as scope:
            scope.set_tag("b", 2)
        capture_message("x")
    assert recorded.errors[0].tags == {"a": "1", "b": "2"}


def test_clear_forgets_the_data_and_copy_goes_its_own_way():
    with record() as recorded:
        scope = instrument.get_current_scope()
        scope.set_tag("a", 1)
        twin = scope.copy()
        twin.set_tag("b", 2)
        assert scope.tags == {"a": "1"}
        scope.clear()
        capture_message("x")
        assert twin.tags == {"a": "1", "b": "2"}
    assert recorded.errors[0].tags == {}


def test_an_error_carries_the_transaction_the_scope_holds():
    with record() as recorded, transaction("job", "nightly") as tx:
        capture_message("on the transaction")
        with span("a") as one:
            capture_message("in a span")
    first, second = recorded.errors
    assert (first.trace_id, first.span_id, first.transaction) == (tx.trace_id, tx.span_id, "nightly")
    assert (second.span_id, second.parent_span_id, second.op) == (one.span_id, tx.span_id, "a")


def test_an_error_while_the_scope_holds_none_carries_the_scopes_own_ids():
    with record() as recorded:
        tx = instrument.start_transaction("job", "nightly")
        capture_message("one")
        capture_message("two")
        tx.finish()
    one, two = recorded.errors
    assert one.trace_id == two.trace_id != recorded.transactions[0].trace_id
    assert one.span_id == two.span_id != recorded.transactions[0].span_id
    assert one.transaction is None


def test_an_exception_carries_the_innermost_span_it_was_raised_in_wherever_it_is_captured():
    with record() as recorded:
        caught = None
        with transaction("job", "nightly"):
            try:
                with span("outer"), span("inner") as inner:
                    raise ValueError("no")
            except ValueError as error:
                caught = error
        assert capture_exception(caught)
    (event,) = recorded.errors
    assert (event.trace_id, event.span_id, event.op) == (inner.trace_id, inner.span_id, "inner")
    assert event.transaction == "nightly"


def test_the_same_exception_captured_twice_is_one_event():
    with record() as recorded, transaction("job", "nightly"):
        try:
            raise ValueError("no")
        except ValueError as error:
            assert capture_exception() == capture_exception(error)
    assert len(recorded.errors) == 1


def test_capture_without_an_exception_is_nothing():
    with record() as recorded:
        assert capture_exception() is None
    assert recorded.errors == []


def test_a_breadcrumb_hook_changes_drops_or_fails():
    def hook(crumb, hint):
        if crumb["message"] == "bad":
            raise ValueError
        return None if crumb["message"] == "drop" else {**crumb, "message": crumb["message"].upper()}

    with record(before_breadcrumb=hook, max_breadcrumbs=2) as recorded:
        for message in ("first", "drop", "bad", "second", "third"):
            add_breadcrumb(message=message)
        capture_message("x")
    assert [crumb["message"] for crumb in recorded.errors[0].breadcrumbs] == ["SECOND", "THIRD"]


def test_trace_meta_is_escaped_html():
    with record(release='<"&'), transaction("job", "nightly") as tx:
        meta = instrument.trace_meta()
    assert f'<meta name="sentry-trace" content="{tx.trace_id}-{tx.span_id}-1">' in meta
    assert '<"&' not in meta


@pytest.mark.parametrize("setter", [set_tag, set_context, set_extra])
def test_setters_take_anything(setter):
    with record() as recorded:
        setter(object(), object())
        capture_message("x")
    assert len(recorded.errors) == 1
