"""A generator left by `break`, dropped, collected or shut down with its loop ends its spans, abandoned and silently."""

# ruff: noqa: UP028

import asyncio
import gc
import logging
import sys

import pytest

from instrument import get_current_span, span, traced, transaction
from instrument.testing import record
from tests.outline import data_of, outline

maybe = pytest.mark.parametrize(
    "decorate", [traced, transaction, lambda function: function], ids=["traced", "transaction", "undecorated"]
)


@pytest.fixture(autouse=True)
def _silence(caplog, monkeypatch):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    caplog.set_level(logging.DEBUG)
    yield
    assert caplog.messages == [one for one in caplog.messages if "selector" in one]
    assert unraisable == []


def numbers():
    with span("step", "held"):
        for number in range(3):
            yield number


async def async_numbers():
    with span("step", "held"):
        for number in range(3):
            await asyncio.sleep(0)
            yield number


def assert_abandoned(recorded, decorate, name):
    units = [name, "held"] if decorate in (traced, transaction) else ["held"]
    assert [line.strip() for line in outline(recorded)] == [*units, "after"]
    for unit in units:
        assert data_of(recorded, unit)["abandoned"] is True
    assert recorded.stats().balanced


@maybe
def test_by_break(decorate):
    with record() as recorded:
        with transaction("test", "outside") as outside:
            for _ in decorate(numbers)():
                break
            assert get_current_span() is outside
            with span("step", "after"):
                pass
        assert_abandoned(recorded, decorate, "numbers")


@maybe
def test_by_the_cycle_collector(decorate):
    with record() as recorded:
        with transaction("test", "outside") as outside:
            cycle = []
            made = decorate(numbers)()
            cycle.append((cycle, made))
            next(made)
            del cycle, made
            gc.collect()
            assert get_current_span() is outside
            with span("step", "after"):
                pass
            assert get_current_span() is outside
        assert get_current_span() is None
        assert_abandoned(recorded, decorate, "numbers")


@maybe
def test_an_async_generator_by_break(decorate):
    async def run():
        async with transaction("test", "outside") as outside:
            async for _ in decorate(async_numbers)():
                break
            gc.collect()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert get_current_span() is outside
            with span("step", "after"):
                pass
        assert get_current_span() is None

    with record() as recorded:
        asyncio.run(run())
        assert_abandoned(recorded, decorate, "async_numbers")


@maybe
def test_an_async_generator_by_the_shutdown_of_its_loop(decorate):
    kept = []

    async def run():
        async with transaction("test", "outside") as outside:
            kept.append(decorate(async_numbers)())
            await kept[0].__anext__()
            assert get_current_span() is outside
            with span("step", "after"):
                pass

    with record() as recorded:
        asyncio.run(run())
        assert [line.strip() for line in outline(recorded)].count("after") == 1
        assert data_of(recorded, "held")["abandoned"] is True
        if decorate in (traced, transaction):
            assert data_of(recorded, "async_numbers")["abandoned"] is True
        assert recorded.stats().balanced
        assert recorded.stats().spans.open == 0


@maybe
def test_an_async_generator_whose_clean_up_waits(decorate):
    cleaned = []

    @decorate
    async def work():
        try:
            with span("step", "held"):
                yield 1
        finally:
            await asyncio.sleep(0)
            with span("step", "cleanup"):
                cleaned.append(1)

    async def run():
        kept.append(work())
        async with transaction("test", "outside"):
            await kept[0].__anext__()

    kept = []
    with record() as recorded:
        asyncio.run(run())
        assert cleaned == [1]
        assert recorded.stats().spans.open == 0


def test_what_the_consumer_has_open_stays_open():
    with record() as recorded:
        with transaction("test", "outside"):
            made = numbers()
            next(made)
            with span("step", "consumer"):
                del made
                with span("step", "after"):
                    pass
        assert outline(recorded) == ["held", "consumer", "  after"]
