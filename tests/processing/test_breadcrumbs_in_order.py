"""Breadcrumbs are sent in the order of their times, however these are written."""

from datetime import datetime, timedelta, timezone

import instrument
from instrument.exporters import Memory

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def test_breadcrumbs_are_sorted_by_their_times_whether_numbers_texts_or_datetimes():
    memory = Memory()
    instrument.init(exporter=memory)
    times = [
        NOON.timestamp() + 5,
        NOON + timedelta(seconds=4),
        (NOON + timedelta(seconds=3)).isoformat().replace("+00:00", "Z"),
        int(NOON.timestamp()) + 2,
        (NOON + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=9))).isoformat(),
        NOON.replace(tzinfo=None),
        "some day",
    ]
    for number, time in enumerate(times):
        instrument.add_breadcrumb(message=str(number), timestamp=time)
    instrument.capture_message("afterwards")
    assert [crumb["message"] for crumb in memory.errors[0].breadcrumbs] == ["6", "5", "4", "3", "2", "1", "0"]
