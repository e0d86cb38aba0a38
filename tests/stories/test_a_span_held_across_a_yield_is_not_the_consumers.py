"""A span or transaction held across a `yield`, however it was opened, is current only while the generator runs."""

import asyncio
import contextlib

import pytest

from instrument import (
    capture_message,
    continue_trace,
    get_current_scope,
    get_current_span,
    get_current_transaction,
    span,
    start_transaction,
    suppress,
    trace_headers,
    transaction,
)
from instrument.testing import record
from tests.outline import outline, outline_of


def opened_by_start_child():
    with get_current_span().start_child("step", "held"):
        yield


def opened_by_exit_stack():
    with contextlib.ExitStack() as stack:
        stack.enter_context(span("step", "held"))
        yield


def opened_as_transaction():
    with transaction("step", "held"):
        yield


def opened_as_transaction_by_exit_stack():
    with contextlib.ExitStack() as stack:
        stack.enter_context(transaction("step", "held"))
        yield


def opened_by_start_transaction():
    with start_transaction("step", "held"):
        yield


def opened_by_continue_trace():
    with continue_trace({}, "step", "held"):
        yield


def opened_as_span():
    with span("step", "held"):
        yield


@pytest.mark.parametrize(
    "opened",
    [
        opened_as_span,
        opened_by_start_child,
        opened_by_exit_stack,
        opened_as_transaction,
        opened_as_transaction_by_exit_stack,
        opened_by_start_transaction,
        opened_by_continue_trace,
    ],
)
def test_however_it_was_opened(opened):
    def work():
        for _ in opened():
            yield
            with span("step", "not inside"):
                pass

    def whole():
        generator = opened()
        yield from generator

    def run():
        here = get_current_span()
        for _ in work():
            assert get_current_span() is here
            with span("step", "consumer"):
                pass
        for _ in whole():
            assert get_current_span() is here
        assert get_current_span() is here

    assert outline_of(run) == ["held", "consumer", "not inside", "held"]


@pytest.mark.parametrize("opened", ["span", "transaction", "stack"])
def test_in_async_generators(opened):
    async def work():
        async with contextlib.AsyncExitStack() as stack:
            block = span("step", "held") if opened == "span" else transaction("step", "held")
            if opened == "stack":
                await stack.enter_async_context(block)
                yield
            else:
                async with block:
                    await asyncio.sleep(0)
                    yield
                    with span("step", "inner"):
                        pass

    async def run():
        here = get_current_span()
        async for _ in work():
            assert get_current_span() is here
            with span("step", "consumer"):
                await asyncio.sleep(0)
        assert get_current_span() is here

    assert outline_of(run) == ["held", *(["  inner"] if opened != "stack" else []), "consumer"]


def test_everything_that_asks_what_is_current_knows():
    def numbers():
        with span("step", "held") as held:
            assert get_current_span() is get_current_scope().span is held
            yield 1
            assert get_current_span() is get_current_scope().span is held
            capture_message("from inside")
            yield 2

    with record() as recorded, transaction("test", "outside") as outside:
        made = numbers()
        next(made)
        assert get_current_span() is get_current_scope().span is outside
        assert get_current_transaction() is get_current_scope().transaction is outside
        assert outside.span_id in trace_headers()["sentry-trace"]
        capture_message("from outside")
        next(made)
        made.close()
    first, second = recorded.errors
    assert first.span_id == outside.span_id
    assert second.span_id == recorded.find(description="held")[0].span_id


def test_an_unsampled_transaction_is_held_as_well():
    def numbers():
        with transaction("step", "held", sampled=False):
            yield get_current_span()
            assert get_current_span().sampled is False

    with record() as recorded, transaction("test", "outside") as outside:
        for inside in numbers():
            assert inside.sampled is False
            assert get_current_span() is outside
            with span("step", "consumer"):
                pass
    assert [one.description for one in recorded.spans] == ["consumer"]


def test_the_consumer_may_open_and_close_blocks_in_any_order():
    def numbers():
        with span("step", "held"):
            for number in range(4):
                with span("step", f"number {number}"):
                    pass
                yield number

    def run():
        here = get_current_span()
        made = numbers()
        next(made)
        with span("step", "one"):
            next(made)
            with span("step", "two"):
                next(made)
                with span("step", "three"):
                    list(made)
                with span("step", "four"):
                    pass
        assert get_current_span() is here

    below = [f"  number {number}" for number in range(4)]
    assert outline_of(run) == ["held", *below, "one", "  two", "    three", "    four"]


def test_nothing_is_recorded_in_a_suppressed_block_by_a_generator_from_outside():
    def numbers():
        with span("step", "held"):
            yield 1
            with span("step", "inner"):
                yield 2

    with record() as recorded:
        with transaction("test", "outside"):
            made = numbers()
            next(made)
            with suppress():
                assert next(made) == 2
            made.close()
        assert outline(recorded) == ["held"]


def test_a_child_that_a_generators_body_leaves_open_is_still_its_child():
    def numbers():
        with span("step", "held") as held:
            child = held.start_child("step", "child")
            yield 1
            child.finish()

    assert outline_of(lambda: list(numbers())) == ["held", "  child"]
