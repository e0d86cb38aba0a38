"""Cancelling a task is no fault: its spans end with the status "cancelled"."""

import asyncio

from instrument import span, transaction


def test_a_cancelled_task_ends_its_spans_as_cancelled(told):
    async def wait(started):
        with span("work", "outer"), span("work", "inner"):
            started.set()
            await asyncio.Event().wait()

    async def main():
        started = asyncio.Event()
        task = asyncio.create_task(wait(started))
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with span("work", "afterwards"):
            pass

    with transaction("test", "cancel"):
        asyncio.run(main())
    assert told.parents == {"cancel": None, "outer": "cancel", "inner": "outer", "afterwards": "cancel"}
    assert [told.status(name) for name in ("outer", "inner", "afterwards")] == ["cancelled", "cancelled", None]
