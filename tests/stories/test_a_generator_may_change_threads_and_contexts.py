"""A generator started in one context or thread and finished in another leaves both as they were, and says nothing."""

import asyncio
import contextvars
import logging
import threading

import pytest

from instrument import get_current_span, span, traced, transaction
from instrument.testing import record
from tests.outline import outline

maybe = pytest.mark.parametrize(
    "decorate", [traced, transaction, lambda function: function], ids=["traced", "transaction", "undecorated"]
)


@pytest.fixture(autouse=True)
def _silence(caplog):
    caplog.set_level(logging.DEBUG)
    yield
    assert [one for one in caplog.messages if "selector" not in one] == []


def numbers():
    with span("step", "held"):
        for number in range(3):
            with span("step", f"number {number}"):
                pass
            yield number


def in_thread(function, *args):
    """Run in a thread that begins with nothing."""
    outcome = []
    thread = threading.Thread(target=contextvars.Context().run, args=(lambda: outcome.append(function(*args)),))
    thread.start()
    thread.join(30)
    return outcome[0]


def expected(decorate):
    lines = ["held", *(f"  number {number}" for number in range(3))]
    return ["numbers", *("  " + line for line in lines)] if decorate in (traced, transaction) else lines


@maybe
@pytest.mark.parametrize(
    "elsewhere", [lambda *a: contextvars.copy_context().run(*a), in_thread], ids=["context", "thread"]
)
def test_finished_elsewhere(decorate, elsewhere):
    def there(made):
        before = get_current_span()
        rest = list(made)
        assert get_current_span() is before
        return rest

    with record() as recorded:
        with transaction("test", "outside") as outside:
            made = decorate(numbers)()
            assert next(made) == 0
            assert elsewhere(there, made) == [1, 2]
            assert get_current_span() is outside
            with span("step", "after"):
                assert get_current_span() is not outside
            assert get_current_span() is outside
        assert get_current_span() is None
        assert outline(recorded) == [*expected(decorate), "after"]


@maybe
@pytest.mark.parametrize(
    "elsewhere", [lambda *a: contextvars.copy_context().run(*a), in_thread], ids=["context", "thread"]
)
def test_started_elsewhere(decorate, elsewhere):
    with record() as recorded:
        with transaction("test", "outside") as outside:
            made = decorate(numbers)()

            def there():
                with span("step", "unused") if get_current_span() else transaction("test", "outside"):
                    return next(made)

            assert elsewhere(there) == 0
            assert get_current_span() is outside
            assert list(made) == [1, 2]
            assert get_current_span() is outside
            with span("step", "after"):
                pass
        lines = [line.strip() for line in outline(recorded) if line.strip() != "unused"]
        assert sorted(lines) == sorted([*(line.strip() for line in expected(decorate)), "after"])


@maybe
def test_each_item_in_a_thread_of_its_own(decorate):
    with record() as recorded:
        with transaction("test", "outside") as outside:
            made = decorate(numbers)()
            context = contextvars.copy_context()
            items = [in_thread(context.copy().run, next, made, None) for _ in range(4)]
            assert items == [0, 1, 2, None]
            assert get_current_span() is outside
        assert outline(recorded) == expected(decorate)


@maybe
def test_an_async_generator_advanced_by_several_tasks(decorate):
    async def async_numbers():
        with span("step", "held"):
            for number in range(3):
                with span("step", f"number {number}"):
                    await asyncio.sleep(0)
                yield number

    async def run():
        async with transaction("test", "outside") as outside:
            made = decorate(async_numbers)()
            for number in range(3):
                assert await asyncio.create_task(made.__anext__()) == number
                assert get_current_span() is outside
            await asyncio.create_task(made.aclose())
            with span("step", "after"):
                pass
            assert get_current_span() is outside

    with record() as recorded:
        asyncio.run(run())
        lines = [line.strip() for line in expected(decorate)]
        lines = ["async_numbers" if line == "numbers" else line for line in lines]
        assert [line.strip() for line in outline(recorded)] == [*lines, "after"]


def test_a_task_started_inside_keeps_its_parent_also_while_the_generator_waits():
    async def later():
        with span("step", "task"):
            await asyncio.sleep(0)

    async def numbers(tasks):
        with span("step", "held"):
            tasks.append(asyncio.create_task(later()))
            yield 1

    async def run():
        async with transaction("test", "outside"):
            tasks = []
            async for _ in numbers(tasks):
                await asyncio.gather(*tasks)

    with record() as recorded:
        asyncio.run(run())
        assert outline(recorded) == ["held", "  task"]


def test_a_task_started_inside_keeps_its_parent_also_when_that_has_ended():
    async def later():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with span("step", "task"):
            pass

    async def numbers(tasks):
        with span("step", "held"):
            tasks.append(asyncio.create_task(later()))
            yield 1

    async def run():
        async with transaction("test", "outside"):
            tasks = []
            async for _ in numbers(tasks):
                pass
            await asyncio.gather(*tasks)

    with record() as recorded:
        asyncio.run(run())
        assert outline(recorded) == ["held", "  task"]
