"""anyio, on asyncio and on trio, and trio itself: tasks and threads keep the span they were started in."""

import pytest

from instrument import span, transaction

anyio = pytest.importorskip("anyio", reason="needs anyio")
trio = pytest.importorskip("trio", reason="needs trio")

EXPECTED = {
    "tasks": None,
    "stage": "tasks",
    "one": "stage",
    "other": "stage",
    "thread of one": "one",
    "thread of other": "other",
}


def in_thread(name):
    with span("work", f"thread of {name}"):
        pass


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_of_anyio_are_children(told, backend):
    async def work(name):
        with span("work", name):
            await anyio.to_thread.run_sync(in_thread, name)

    async def main():
        with span("stage", "stage"):
            async with anyio.create_task_group() as group:
                group.start_soon(work, "one")
                group.start_soon(work, "other")

    with transaction("test", "tasks"):
        anyio.run(main, backend=backend)
    assert told.parents == EXPECTED


def test_tasks_of_trio_are_children(told):
    async def work(name):
        with span("work", name):
            await trio.to_thread.run_sync(in_thread, name)

    async def main():
        with span("stage", "stage"):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(work, "one")
                nursery.start_soon(work, "other")

    with transaction("test", "tasks"):
        trio.run(main)
    assert told.parents == EXPECTED


def test_a_cancelled_trio_task_ends_its_span_as_cancelled(told):
    async def main():
        with trio.CancelScope() as scope, span("work", "work"):
            scope.cancel()
            await trio.sleep_forever()

    with transaction("test", "cancel"):
        trio.run(main)
    assert told.status("work") == "cancelled"
