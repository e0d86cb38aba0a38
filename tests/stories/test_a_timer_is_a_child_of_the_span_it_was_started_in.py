"""A timer goes off under the span it was started in."""

import threading

from instrument import span, transaction
from tests.stories.told import LIMIT


def test_a_timer_is_a_child_of_the_span_it_was_started_in(told):
    def ring():
        with span("work", "ring"):
            pass

    with transaction("test", "timer"):
        with span("stage", "stage"):
            timer = threading.Timer(0.001, ring)
            timer.start()
        timer.join(LIMIT)
    assert told.parents == {"timer": None, "stage": "timer", "ring": "stage"}
