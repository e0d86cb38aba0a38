"""A thread inherits that nothing is recorded, as it inherits the span."""

import threading

import pytest

import instrument
from tests.stories.told import LIMIT, Told


@pytest.mark.parametrize("why", ["suppressed", "unsampled"])
def test_what_is_suppressed_or_unsampled_stays_so_in_a_thread(why):
    told = Told(traces_sample_rate=0.0 if why == "unsampled" else 1.0)
    headers = []

    def work():
        with instrument.span("work", "hidden"):
            headers.append(instrument.trace_headers())

    block = instrument.suppress if why == "suppressed" else instrument.span
    with instrument.transaction("test", "outer") as outer, block():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(LIMIT)
    if why == "suppressed":
        assert (told.parents, headers) == ({"outer": None}, [{}])
    else:
        assert told.items == []
        assert headers[0]["sentry-trace"] == f"{outer.trace_id}-{outer.span_id}-0"
