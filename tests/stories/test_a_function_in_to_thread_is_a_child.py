"""`asyncio.to_thread` runs its function under the span that is current where it is called."""

import asyncio

from instrument import span, transaction


def test_a_function_in_to_thread_is_a_child(told):
    def work(name):
        with span("work", name):
            pass

    async def call(name):
        with span("stage", f"stage of {name}"):
            await asyncio.to_thread(work, name)

    async def main():
        await asyncio.gather(call("one"), call("other"))

    with transaction("test", "to_thread"):
        asyncio.run(main())
    assert told.parents == {
        "to_thread": None,
        "stage of one": "to_thread",
        "stage of other": "to_thread",
        "one": "stage of one",
        "other": "stage of other",
    }
