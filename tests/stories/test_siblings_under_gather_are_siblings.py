"""Tasks that run side by side are children of the span that started them, never of each other."""

import asyncio

from instrument import span, transaction


def test_siblings_under_gather_are_siblings(told):
    async def work(name, started, others):
        with span("work", name):
            started.set()
            await others.wait()
            with span("step", f"step of {name}"):
                await asyncio.sleep(0)

    async def main():
        one, other = asyncio.Event(), asyncio.Event()
        with span("stage", "stage"):
            await asyncio.gather(work("one", one, other), work("other", other, one))
        with span("stage", "afterwards"):
            pass

    with transaction("test", "gather"):
        asyncio.run(main())
    assert told.parents == {
        "gather": None,
        "stage": "gather",
        "one": "stage",
        "other": "stage",
        "step of one": "one",
        "step of other": "other",
        "afterwards": "gather",
    }
