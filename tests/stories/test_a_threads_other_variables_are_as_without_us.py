"""Only our own context is carried into threads and pools: a program's context variables are none of our business."""

import contextvars
import decimal
import threading
from concurrent.futures import ThreadPoolExecutor

from instrument import transaction
from tests.stories.told import LIMIT

color = contextvars.ContextVar("color", default="none")


def test_a_threads_other_variables_are_as_without_us(told):
    seen = []

    def look():
        seen.append((color.get(), decimal.getcontext() is here))

    here = decimal.getcontext()
    color.set("red")
    with transaction("test", "variables"), ThreadPoolExecutor(1, initializer=color.set, initargs=("blue",)) as pool:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(LIMIT)
        pool.submit(look).result(LIMIT)
    assert seen == [("none", False), ("blue", False)]
