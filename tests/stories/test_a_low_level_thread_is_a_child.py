"""`_thread.start_new_thread` counts as starting a thread."""

import _thread
import threading

from instrument import span, transaction
from tests.stories.told import LIMIT


def test_a_low_level_thread_is_a_child(told):
    done = threading.Event()

    def work(name, *, ends):
        with span("work", name):
            pass
        ends.set()

    with transaction("test", "low level"), span("stage", "stage"):
        _thread.start_new_thread(work, ("work",), {"ends": done})
        assert done.wait(LIMIT)
    assert told.parents == {"low level": None, "stage": "low level", "work": "stage"}
