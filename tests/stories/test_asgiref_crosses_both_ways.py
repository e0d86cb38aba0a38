"""asgiref: sync_to_async and async_to_sync, as Django uses them, keep the parent."""

import asyncio

import pytest

from instrument import span, transaction

sync = pytest.importorskip("asgiref.sync", reason="needs asgiref")


@pytest.mark.parametrize("sensitive", [True, False])
def test_asgiref_crosses_both_ways(told, sensitive):
    async def deep(name):
        with span("work", f"deep {name}"):
            await asyncio.sleep(0)

    def work(name):
        with span("work", name):
            sync.async_to_sync(deep)(name)

    async def call(name):
        with span("stage", f"stage of {name}"):
            await sync.sync_to_async(work, thread_sensitive=sensitive)(name)

    async def main():
        await asyncio.gather(call("one"), call("other"))

    with transaction("test", "asgiref"):
        asyncio.run(main())
    assert told.parents == {
        "asgiref": None,
        "stage of one": "asgiref",
        "one": "stage of one",
        "deep one": "one",
        "stage of other": "asgiref",
        "other": "stage of other",
        "deep other": "other",
    }
