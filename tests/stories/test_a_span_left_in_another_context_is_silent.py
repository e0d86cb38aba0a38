"""A span entered in one context and left in another ends, and leaves what is current there alone."""

import contextvars
import logging

from instrument import get_current_span, span, transaction


def test_a_span_left_in_another_context_is_silent(told, caplog):
    with caplog.at_level(logging.DEBUG), transaction("test", "foreign"):
        strange = span("work", "strange")
        contextvars.copy_context().run(strange.__enter__)
        with span("stage", "stage") as stage:
            strange.__exit__(None, None, None)
            assert get_current_span() is stage
            with span("work", "inner"):
                pass
    assert told.parents == {"foreign": None, "strange": "foreign", "stage": "foreign", "inner": "stage"}
    assert [record for record in caplog.records if record.name.startswith("instrument")] == []
