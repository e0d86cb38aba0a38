"""What was delivered, and what belonged to it, is gone without the cycle collector: nothing of ours makes a cycle."""

# ruff: noqa: SIM117  # A block inside another one is what is tested.

import asyncio
import gc
import weakref

import pytest

from instrument import (
    capture_exception,
    isolated_scope,
    set_context,
    set_user,
    span,
    start_transaction,
    traced,
    transaction,
)
from instrument.testing import record


class Request:
    """Stands for whatever a program handles."""


@pytest.fixture(autouse=True)
def _no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def handled_plainly(request):
    with isolated_scope() as scope, transaction("test", "request") as made:
        scope.request = {"method": "GET"}
        set_user({"id": 7})
        set_context("order", {"id": 1})
        with span("step", "inner", data={"request": request}), span("step", "deep"):
            traced(lambda: request)()
        return scope, made


def handled_with_an_error(request):
    with isolated_scope() as scope:
        try:
            with transaction("test", "request") as made:
                with span("step", "inner"):
                    traced(lambda: [][request.__dict__.get("index", 1)])()
        except IndexError:
            capture_exception()
    return scope, made


def handled_by_generators(request):
    @traced
    def decorated():
        with span("step", "held"):
            yield request
            yield request

    def plain():
        with span("step", "held"):
            yield request
            yield request

    with isolated_scope() as scope, transaction("test", "request") as made:
        list(decorated())
        list(plain())
        for _ in decorated():
            break
        for _ in plain():
            break
        unfinished = plain()
        next(unfinished)
    return scope, made


def handled_by_a_loop(request):
    async def step():
        async with span("step", "inner"):
            await asyncio.sleep(0)
            return request

    async def run():
        with isolated_scope() as scope:
            async with transaction("test", "request") as made:
                await asyncio.gather(step(), step())
            return scope, made

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


def handled_with_something_late(request):
    with isolated_scope() as scope, transaction("test", "request") as made:
        top = made.start_child("step", "late")
        made.start_child("step", "never")
        below = top.start_child("step", "below")
    below.finish()
    top.finish()
    return scope, made


@pytest.mark.parametrize(
    "handled",
    [handled_plainly, handled_with_an_error, handled_by_generators, handled_by_a_loop, handled_with_something_late],
)
def test_scope_transaction_and_request_are_gone(handled):
    def one():
        request = Request()
        scope, made = handled(request)
        return [weakref.ref(request), weakref.ref(scope), weakref.ref(made), weakref.ref(made._segment)]

    with record() as recorded:
        gone = one()
        spans = [weakref.ref(each) for item in recorded.transactions for each in item.spans]
        assert len(recorded.transactions) >= 1
        recorded.clear()
        assert [each() for each in gone] == [None] * 4
        assert [each() for each in spans] == [None] * len(spans)


def test_a_span_that_is_kept_keeps_neither_its_transaction_nor_its_siblings():
    with record() as recorded:
        with transaction("test", "request") as made:
            with span("step", "kept") as kept:
                pass
            with span("step", "sibling") as sibling:
                pass
        gone = [weakref.ref(made), weakref.ref(sibling)]
        del made, sibling
        recorded.clear()
        assert [each() for each in gone] == [None, None]
        assert kept.transaction is None


def test_an_abandoned_transaction_is_counted():
    with record() as recorded:
        start_transaction("test", "abandoned")
        gc.collect()
        stats = recorded.stats()
        assert stats.transactions.dropped == {"abandoned": 1}
        assert stats.balanced
