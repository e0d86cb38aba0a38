"""An async generator is recorded from its first advance to its end, and stays one."""

import asyncio
import inspect
import pickle
import types

import pytest

from instrument import span, traced, transaction
from instrument.testing import record
from tests.outline import data_of, either, outline_of


@traced
async def numbers(count: int = 2):
    """Numbers."""
    yield count


@transaction
async def job(count: int = 2):
    """Numbers."""
    yield count


@either
def test_what_the_consumer_opens_between_items_is_the_consumers(decorate):
    @decorate
    async def work():
        for number in range(2):
            async with span("step", f"inner {number}"):
                await asyncio.sleep(0)
                yield number

    async def run():
        async for number in work():
            with span("step", f"outer {number}"):
                await asyncio.sleep(0)

    assert outline_of(run) == ["work", "  inner 0", "  inner 1", "outer 0", "outer 1"]


@either
def test_tasks_that_the_consumer_starts_between_items_are_the_consumers(decorate):
    @decorate
    async def work():
        with span("step", "inner"):
            for number in range(2):
                yield number

    async def handle(number):
        with span("step", f"task {number}"):
            await asyncio.sleep(0)

    async def run():
        tasks = [asyncio.create_task(handle(number)) async for number in work()]
        await asyncio.gather(*tasks)

    assert outline_of(run) == ["work", "  inner", "task 0", "task 1"]


@either
def test_asend_athrow_and_aclose_pass_through(decorate):
    seen = []

    @decorate
    async def work():
        seen.append((yield 1))
        try:
            yield 2
        except KeyError as error:
            seen.append(error.args[0])
        try:
            yield 3
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    async def run():
        made = work()
        assert await made.asend(None) == 1
        assert await made.asend("sent") == 2
        assert await made.athrow(KeyError("thrown")) == 3
        await made.aclose()
        assert seen == ["sent", "thrown", "closed"]
        with pytest.raises(StopAsyncIteration):
            await made.__anext__()

    assert outline_of(run) == ["work"]


@either
def test_an_error_in_the_body_passes_and_marks_the_span(decorate):
    @decorate
    async def work():
        yield 1
        raise ValueError("no")

    async def run():
        with pytest.raises(ValueError, match="no"):
            async for _ in work():
                pass

    assert outline_of(run) == ["work [internal_error]"]


@either
def test_cancelling_the_consumer_cancels_the_span(decorate):
    @decorate
    async def work():
        yield 1
        await asyncio.Event().wait()

    async def consume():
        async for _ in work():
            pass

    async def run():
        task = asyncio.create_task(consume())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert outline_of(run) == ["work [cancelled]"]


@either
def test_running_and_suspended_time_are_told_apart(decorate):
    @decorate
    async def work():
        yield 1

    async def run():
        async for _ in work():
            pass

    with record() as recorded, transaction("test", "outside"):
        asyncio.run(run())
    assert data_of(recorded, "work")["active_seconds"] > 0


@pytest.mark.parametrize("function", [numbers, job])
def test_it_looks_and_pickles_like_the_original(function):
    assert inspect.isasyncgenfunction(function)
    assert isinstance(function(), types.AsyncGeneratorType)
    assert str(inspect.signature(function)) == "(count: int = 2)"
    assert function.__doc__ == "Numbers."
    assert pickle.loads(pickle.dumps(function)) is function
