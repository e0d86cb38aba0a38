"""It is the start that counts, not where the thread was made, and not what is current later."""

import threading

from instrument import span, transaction
from tests.stories.told import LIMIT


def test_a_thread_is_a_child_of_the_span_it_was_started_in(told):
    goes_on = threading.Event()

    def work(name):
        assert goes_on.wait(LIMIT)
        with span("work", name), span("step", f"step of {name}"):
            pass

    with transaction("test", "threads"):
        with span("stage", "where it is made"):
            threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
        with span("stage", "where it is started"):
            threads[0].start()
        threads[1].start()
        with span("stage", "where it runs"):
            goes_on.set()
            for thread in threads:
                thread.join(LIMIT)
    assert told.parents == {
        "threads": None,
        "where it is made": "threads",
        "where it is started": "threads",
        "where it runs": "threads",
        "one": "where it is started",
        "step of one": "one",
        "other": "threads",
        "step of other": "other",
    }
