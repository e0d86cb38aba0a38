"""An eager task runs at once, inside the call that creates it; what it opens is its own."""

import asyncio
import sys

import pytest

from instrument import span, transaction


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs Python 3.12")
def test_eager_tasks_leave_the_creators_span_current(told):
    async def work(name):
        with span("work", name):
            with span("step", f"step of {name}"):
                await asyncio.sleep(0)
            with span("step", f"last of {name}"):
                pass

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        with span("stage", "stage"):
            tasks = [asyncio.create_task(work(name)) for name in ("one", "other")]
            with span("step", "between"):
                pass
            await asyncio.gather(*tasks)

    with transaction("test", "eager"):
        asyncio.run(main())
    assert told.parents == {
        "eager": None,
        "stage": "eager",
        "one": "stage",
        "step of one": "one",
        "last of one": "one",
        "other": "stage",
        "step of other": "other",
        "last of other": "other",
        "between": "stage",
    }
