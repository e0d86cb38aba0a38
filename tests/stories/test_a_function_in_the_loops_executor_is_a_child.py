"""`loop.run_in_executor` runs its function under the span that is current where it is called."""

import asyncio

from instrument import span, transaction


def test_a_function_in_the_loops_executor_is_a_child(told):
    def work(name):
        with span("work", name):
            pass

    async def call(name):
        with span("stage", f"stage of {name}"):
            await asyncio.get_running_loop().run_in_executor(None, work, name)

    async def main():
        await asyncio.gather(call("one"), call("other"))

    with transaction("test", "executor"):
        asyncio.run(main())
    assert told.parents == {
        "executor": None,
        "stage of one": "executor",
        "stage of other": "executor",
        "one": "stage of one",
        "other": "stage of other",
    }
