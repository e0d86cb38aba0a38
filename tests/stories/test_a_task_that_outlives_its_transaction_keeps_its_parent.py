"""What a task records after its transaction was handed over is delivered under the span the task was created in."""

import asyncio

from instrument import span, transaction


def test_a_task_that_outlives_its_transaction_keeps_its_parent(told):
    async def late(goes_on):
        await goes_on.wait()
        with span("work", "late"), span("step", "inner"):
            pass

    async def main():
        goes_on = asyncio.Event()
        with transaction("test", "short"):
            with span("stage", "stage"):
                task = asyncio.create_task(late(goes_on))
            await asyncio.sleep(0)
        assert told.parents == {"short": None, "stage": "short"}
        goes_on.set()
        await task

    asyncio.run(main())
    assert told.parents == {"short": None, "stage": "short", "late": "stage", "inner": "late"}
    assert told.traces == 1
