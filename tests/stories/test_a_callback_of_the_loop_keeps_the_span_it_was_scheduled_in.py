"""`call_soon` and `call_later` run their callback under the span that was current when it was scheduled."""

import asyncio

from instrument import span, transaction


def test_a_callback_of_the_loop_keeps_the_span_it_was_scheduled_in(told):
    async def main():
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def work(name, act):
            with span("work", name):
                act()

        with span("stage", "stage"):
            loop.call_soon(work, "soon", lambda: None)
        with span("stage", "other stage"):
            loop.call_later(0.001, work, "later", done.set)
        await done.wait()

    with transaction("test", "loop"):
        asyncio.run(main())
    assert told.parents == {
        "loop": None,
        "stage": "loop",
        "other stage": "loop",
        "soon": "stage",
        "later": "other stage",
    }
