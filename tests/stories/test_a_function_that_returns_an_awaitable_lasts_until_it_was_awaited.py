"""A plain function that returns an awaitable is recorded until that has been awaited to the end."""

import asyncio
import gc
import inspect

import pytest

from instrument import span, traced, transaction
from instrument.testing import record
from tests.outline import data_of, either, outline, outline_of


async def body(value=7):
    await asyncio.sleep(0)
    with span("step", "inner"):
        await asyncio.sleep(0)
    if value is None:
        raise ValueError("no")
    return value


class Lazy:
    """An awaitable of the old sort."""

    def __init__(self, value):
        self.value = value

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        with span("step", "inner"):
            return self.value


class Connection:
    """Can be awaited, and used as a block, as HTTP clients have it."""

    entered = False

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return self

    async def __aenter__(self):
        self.entered = True
        return self

    async def __aexit__(self, *raised):
        await asyncio.sleep(0)


@either
def test_a_coroutine(decorate):
    @decorate
    def work():
        return body()

    async def run():
        made = work()
        assert inspect.iscoroutine(made)
        with span("step", "before"):
            await asyncio.sleep(0)
        assert await made == 7
        with span("step", "after"):
            pass

    assert outline_of(run) == ["work", "  inner", "before", "after"]


@either
def test_a_coroutine_that_becomes_a_task(decorate):
    @decorate
    def work():
        return body()

    async def run():
        assert await asyncio.create_task(work()) == 7

    assert outline_of(run) == ["work", "  inner"]


@either
def test_a_task_and_a_future(decorate):
    @decorate
    def task():
        return asyncio.ensure_future(body())

    @decorate
    def future():
        made = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(made.set_result, 3)
        return made

    async def run():
        made = task()
        assert isinstance(made, asyncio.Task)
        assert await made == 7
        assert await future() == 3
        await asyncio.sleep(0)

    assert outline_of(run) == ["task", "  inner", "future"]


@either
def test_an_object_with_await(decorate):
    @decorate
    def work():
        return Lazy(5)

    async def run():
        made = work()
        assert isinstance(made, Lazy)
        assert made.value == 5
        assert await made == 5

    assert outline_of(run) == ["work", "  inner"]


@either
def test_an_object_that_is_used_as_a_block_instead(decorate):
    @decorate
    def work():
        return Connection()

    async def run():
        async with work() as made:
            assert made.entered
            with span("step", "block"):
                await asyncio.sleep(0)

    assert outline_of(run) == ["work", "  block"]


@either
def test_errors_and_cancellation_mark_the_span(decorate):
    @decorate
    def coroutine():
        return body(None)

    @decorate
    def task():
        return asyncio.ensure_future(body(None))

    @decorate
    def cancelled():
        return asyncio.ensure_future(asyncio.Event().wait())

    async def run():
        with pytest.raises(ValueError):
            await coroutine()
        with pytest.raises(ValueError):
            await task()
        made = cancelled()
        await asyncio.sleep(0)
        made.cancel()
        with pytest.raises(asyncio.CancelledError):
            await made

    assert outline_of(run) == [
        "coroutine [internal_error]",
        "  inner",
        "task [internal_error]",
        "  inner",
        "cancelled [cancelled]",
    ]


@either
def test_asyncio_still_says_that_nobody_looked_at_an_error(decorate):
    said = []

    @decorate
    def work():
        future = asyncio.get_running_loop().create_future()
        future.set_exception(ValueError("nobody looks"))
        return future

    async def run():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context["message"]))
        work()
        await asyncio.sleep(0)
        gc.collect()

    assert outline_of(run) == ["work [internal_error]"]
    assert said == ["Future exception was never retrieved"]


@either
def test_a_coroutine_that_is_never_awaited_ends_abandoned_and_is_said_once(decorate):
    @decorate
    def work():
        return body()

    with record() as recorded:
        with transaction("test", "outside"), pytest.warns(RuntimeWarning, match="body' was never awaited") as said:
            work()
        assert len(said) == 1
        assert outline(recorded) == ["work"]
        assert data_of(recorded, "work") == {"abandoned": True}


def test_outside_a_transaction_the_awaitable_itself_is_returned():
    @traced
    def work(result):
        return result

    lazy = Lazy(1)
    with record():
        assert work(lazy) is lazy
