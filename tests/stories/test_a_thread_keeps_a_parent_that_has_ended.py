"""A thread that outlives the span and the transaction it was started in still reports as their child."""

import threading

from instrument import span, transaction
from tests.stories.told import LIMIT


def test_a_thread_keeps_a_parent_that_has_ended(told):
    goes_on = threading.Event()

    def work():
        assert goes_on.wait(LIMIT)
        with span("work", "late"):
            pass

    with transaction("test", "short"), span("stage", "stage"):
        thread = threading.Thread(target=work)
        thread.start()
    assert told.parents == {"short": None, "stage": "short"}
    goes_on.set()
    thread.join(LIMIT)
    assert told.parents == {"short": None, "stage": "short", "late": "stage"}
    assert told.traces == 1
