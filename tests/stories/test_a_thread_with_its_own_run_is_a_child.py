"""A subclass of Thread that overrides `run` is a child of the span it was started in."""

import threading

from instrument import span, transaction
from tests.stories.told import LIMIT


class Worker(threading.Thread):
    def run(self):
        with span("work", "run"):
            pass


def test_a_thread_with_its_own_run_is_a_child(told):
    with transaction("test", "subclass"), span("stage", "stage"):
        worker = Worker()
        worker.start()
        worker.join(LIMIT)
    assert told.parents == {"subclass": None, "stage": "subclass", "run": "stage"}
    assert "run" not in vars(worker)
