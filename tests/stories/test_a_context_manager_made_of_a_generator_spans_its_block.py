"""Under `contextmanager` and `asynccontextmanager` the user's block is inside the span."""

import asyncio
import contextlib
import inspect

import pytest

from instrument import get_current_span, span, traced, transaction
from instrument.testing import record
from tests.outline import either, outline_of


@either
def test_above_and_below(decorate):
    @decorate
    @contextlib.contextmanager
    def above():
        """Above."""
        yield 1

    @contextlib.contextmanager
    @decorate
    def below():
        yield 2

    def run():
        for manager in (above, below):
            with manager() as value, span("step", f"block {value}"):
                pass
        with span("step", "after"):
            pass

    assert outline_of(run) == ["above", "  block 1", "below", "  block 2", "after"]
    assert (above.__name__, above.__doc__) == ("above", "Above.")


@either
def test_above_and_below_when_async(decorate):
    @decorate
    @contextlib.asynccontextmanager
    async def above():
        await asyncio.sleep(0)
        yield 1
        await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    @decorate
    async def below():
        await asyncio.sleep(0)
        yield 2
        await asyncio.sleep(0)

    async def run():
        for manager in (above, below):
            async with manager() as value:
                await asyncio.sleep(0)
                async with span("step", f"block {value}"):
                    await asyncio.sleep(0)
        with span("step", "after"):
            pass

    assert outline_of(run) == ["above", "  block 1", "below", "  block 2", "after"]


@either
def test_spans_inside_the_decorated_body_hold_the_block_too(decorate):
    @contextlib.contextmanager
    @decorate
    def unit():
        with span("step", "inner"):
            yield
        with span("step", "cleanup"):
            pass

    @contextlib.asynccontextmanager
    @decorate
    async def async_unit():
        with span("step", "inner"):
            yield
        with span("step", "cleanup"):
            pass

    async def run():
        with unit(), span("step", "block"):
            pass
        async with async_unit():
            with span("step", "block"):
                pass

    one = ["  inner", "    block", "  cleanup"]
    assert outline_of(run) == ["unit", *one, "async_unit", *one]


@either
def test_used_as_a_decorator_each_call_is_recorded(decorate):
    @decorate
    @contextlib.contextmanager
    def unit():
        yield

    @unit()
    def work():
        with span("step", "inner"):
            pass

    def run():
        work()
        work()

    assert outline_of(run) == ["unit", "  inner", "unit", "  inner"]


@either
def test_an_error_in_the_block_passes_and_marks_the_span(decorate):
    @contextlib.contextmanager
    @decorate
    def passes():
        yield

    @contextlib.contextmanager
    @decorate
    def swallows():
        with contextlib.suppress(ValueError):
            yield

    def run():
        with pytest.raises(ValueError, match="no"), passes():
            raise ValueError("no")
        with swallows():
            raise ValueError("no")

    assert outline_of(run) == ["passes [internal_error]", "swallows"]


def test_an_undecorated_one_that_holds_a_span_gives_the_block_its_parent():
    @contextlib.contextmanager
    def unit():
        with span("step", "unit"):
            yield

    @contextlib.contextmanager
    def delegating():
        with span("step", "delegating"):
            yield from unit.__wrapped__()

    @contextlib.asynccontextmanager
    async def async_unit():
        async with span("step", "async unit"):
            yield

    @contextlib.contextmanager
    def job():
        with transaction("job", "job"):
            yield

    async def run():
        with unit(), span("step", "1"):
            pass
        with delegating(), span("step", "2"):
            pass
        async with async_unit():
            with span("step", "3"):
                pass
        with job(), span("step", "4"):
            pass
        with contextlib.ExitStack() as stack:
            stack.enter_context(unit())
            with span("step", "5"):
                pass
        with span("step", "after"):
            pass

    assert outline_of(run) == [
        *("unit", "  1", "delegating", "  unit", "    2", "async unit", "  3", "job", "  4", "unit", "  5"),
        "after",
    ]


def test_in_a_generator_the_block_and_its_manager_are_the_generators():
    @contextlib.contextmanager
    def unit():
        with span("step", "unit"):
            yield

    def items():
        with unit():
            with span("step", "before"):
                pass
            yield 1
            with span("step", "behind"):
                pass

    def run():
        for _ in items():
            with span("step", "consumer"):
                pass

    assert outline_of(run) == ["unit", "  before", "  behind", "consumer"]


@either
def test_in_a_generator_the_same_holds_for_a_decorated_manager(decorate):
    @contextlib.contextmanager
    @decorate
    def unit():
        yield

    def items():
        with unit():
            yield 1
            with span("step", "behind"):
                pass

    def run():
        for _ in items():
            with span("step", "consumer"):
                pass

    assert outline_of(run) == ["unit", "  behind", "consumer"]


def test_nothing_is_left_current():
    @contextlib.contextmanager
    @traced
    def unit():
        with span("step", "inner"):
            yield

    with record(), transaction("test", "outside") as outside:
        with unit():
            assert get_current_span().description == "inner"
        assert get_current_span() is outside


def test_they_stay_what_they_were():
    @traced
    @contextlib.contextmanager
    def unit(value):
        yield value

    assert isinstance(unit(1), contextlib.AbstractContextManager)
    assert str(inspect.signature(unit)) == "(value)"
