"""A task group's tasks are children of the span that is current where each was created."""

import asyncio
import sys

import pytest

from instrument import span, transaction


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs Python 3.11")
def test_tasks_of_a_task_group_are_siblings(told):
    async def work(name):
        with span("work", name):
            await asyncio.sleep(0)

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(work("one"))
            with span("stage", "stage"):
                group.create_task(work("other"))
                group.create_task(work("third"))

    with transaction("test", "group"):
        asyncio.run(main())
    assert told.parents == {
        "group": None,
        "one": "group",
        "stage": "group",
        "other": "stage",
        "third": "stage",
    }
