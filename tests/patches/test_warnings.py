"""warnings: events when asked for."""

import warnings

import instrument
from instrument.exporters import Memory


def test_warnings_are_events_only_when_asked_for():
    for integrations, expected in (([], []), (["warnings"], ["UserWarning"])):
        memory = Memory()
        instrument.init(exporter=memory, integrations=integrations)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            shown, warnings.showwarning = warnings.showwarning, lambda *args, **kwargs: None
            instrument.unpatch("warnings")
            if integrations:
                instrument.patch("warnings")
            warnings.warn("old ways", UserWarning, stacklevel=1)
            instrument.unpatch("warnings")
            warnings.showwarning = shown
        assert [event.exceptions[-1]["type"] for event in memory.errors] == expected
    (event,) = memory.errors
    assert (event.level, event.exceptions[-1]["mechanism"]["handled"]) == ("warning", True)
