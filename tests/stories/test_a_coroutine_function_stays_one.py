"""A coroutine function is recorded from its first step to its last, and stays one."""

import asyncio
import inspect
import pickle

import pytest

from instrument import span, traced, transaction
from tests.outline import either, outline_of


@traced
async def fetch(key: str) -> str:
    """Fetch."""
    return key


@transaction
async def job(key: str) -> str:
    """Fetch."""
    return key


@either
def test_what_it_opens_is_below_it(decorate):
    @decorate
    async def work():
        await asyncio.sleep(0)
        with span("step", "inner"):
            await asyncio.sleep(0)
        return 7

    async def run():
        assert await work() == 7
        with span("step", "after"):
            pass

    assert outline_of(run) == ["work", "  inner", "after"]


@either
def test_siblings_that_run_at_once_are_siblings(decorate):
    @decorate
    async def work(number):
        await asyncio.sleep(0)
        async with span("step", f"inner {number}"):
            await asyncio.sleep(0)

    async def run():
        await asyncio.gather(work(1), work(2))

    assert sorted(outline_of(run)) == ["  inner 1", "  inner 2", "work", "work"]


@either
def test_an_exception_and_a_cancellation_mark_the_span(decorate):
    @decorate
    async def fails():
        raise ValueError

    @decorate
    async def waits():
        await asyncio.Event().wait()

    async def run():
        with pytest.raises(ValueError):
            await fails()
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert outline_of(run) == ["fails [internal_error]", "waits [cancelled]"]


@pytest.mark.parametrize("function", [fetch, job])
def test_it_looks_and_pickles_like_the_original(function):
    assert inspect.iscoroutinefunction(function)
    assert asyncio.iscoroutinefunction(function)
    assert str(inspect.signature(function)) == "(key: str) -> str"
    assert (function.__doc__, function.__module__) == ("Fetch.", __name__)
    assert pickle.loads(pickle.dumps(function)) is function


@either
def test_one_that_is_never_awaited_is_said_to_be_so_once_and_by_its_own_name(decorate):
    @decorate
    async def forgotten():
        pass

    with pytest.warns(RuntimeWarning, match="forgotten' was never awaited") as said:
        forgotten()
    assert len(said) == 1
