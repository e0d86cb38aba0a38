"""What belonged to a request is gone when the request is, without the cycle collector, while its thread goes on."""

import gc
import threading
import weakref

import pytest

from instrument import isolated_scope, set_tag, span, transaction
from tests.stories.told import LIMIT


class Watcher(threading.Thread):
    def __init__(self, target):
        super().__init__()
        self.body = target

    def run(self):
        self.body()


@pytest.mark.parametrize("kind", [threading.Thread, Watcher])
def test_a_thread_that_outlives_a_request_lets_go_of_it(told, kind):
    goes_on = threading.Event()

    def background():
        assert goes_on.wait(LIMIT)

    def request():
        with isolated_scope() as scope, transaction("test", "request") as running, span("stage", "stage"):
            set_tag("user", "somebody")
            thread = kind(target=background)
            thread.start()
        return thread, weakref.ref(scope), weakref.ref(running)

    gc.collect()
    gc.disable()
    try:
        thread, scope, running = request()
        told.memory.clear()
        assert (scope(), running()) == (None, None)
    finally:
        goes_on.set()
        thread.join(LIMIT)
        gc.enable()
