"""`contextvars.copy_context().run` sees the span that was current when the context was copied, and keeps its own."""

import contextvars

from instrument import get_current_span, span, transaction


def test_a_copied_context_brings_its_span_along(told):
    def work(name):
        with span("work", name):
            pass

    with transaction("test", "copy"):
        with span("stage", "stage"):
            context = contextvars.copy_context()
        with span("stage", "elsewhere") as elsewhere:
            context.run(work, "one")
            assert get_current_span() is elsewhere
        context.run(work, "other")
    assert told.parents == {
        "copy": None,
        "stage": "copy",
        "elsewhere": "copy",
        "one": "stage",
        "other": "stage",
    }
