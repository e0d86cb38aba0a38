"""Storms: of the same error, again and again, only some are kept; the others are counted, and one event says how many.

Same are exceptions of one class raised on one line, and messages that read alike. A bucket for each gives 100 at once
and then one a second.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any, Final

from .. import _clock, _ids
from .error_event import message_event
from .event import ErrorEvent

__all__ = ["Storms"]

BURST: Final = 100
SECONDS_EACH: Final = 1.0
MOST_KNOWN: Final = 1000
TOLD_AFTER: Final = 60.0


class _Bucket:
    __slots__ = ("at", "held", "since", "title", "tokens")

    def __init__(self, now: float, title: str) -> None:
        self.at = self.since = now
        self.tokens = float(BURST)
        self.title = title
        self.held = 0


class Storms:
    """The buckets of one configuration."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._buckets: dict[Hashable, _Bucket] = {}
        self._told_next = 0.0
        """The moment at which what is held back is told; 0 while nothing is."""

    def admits(self, key: Hashable, title: str) -> bool:
        """Whether one more of these may be sent. One that may not is counted here and told later."""
        now = _clock.seconds()
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = self._add(key, title, now)
            bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) / SECONDS_EACH)
            bucket.at = now
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return True
            if not bucket.held:
                bucket.since = now
                self._told_next = self._told_next or now + TOLD_AFTER
            bucket.held += 1
            return False

    def is_due(self) -> bool:
        """Whether something was held back a minute ago and has not been told."""
        return self._told_next != 0 and _clock.seconds() >= self._told_next

    def untold(self, trace_id: str, span_id: str) -> list[ErrorEvent]:
        """An event for each storm, with how many were held back and in how many seconds."""
        with self._lock:
            self._told_next = 0.0
            storms = [bucket for bucket in self._buckets.values() if bucket.held]
            made = [_told(bucket, trace_id, span_id) for bucket in storms]
            for bucket in storms:
                bucket.held = 0
        return made

    def forget(self) -> None:
        """Start anew, as a forked child does."""
        self._lock = threading.RLock()
        self._buckets = {}
        self._told_next = 0.0

    def _add(self, key: Hashable, title: str, now: float) -> _Bucket:
        if len(self._buckets) >= MOST_KNOWN:
            oldest = next((known for known, bucket in self._buckets.items() if not bucket.held), None)
            self._buckets.pop(next(iter(self._buckets)) if oldest is None else oldest)
        bucket = self._buckets[key] = _Bucket(now, title)
        return bucket


def _told(bucket: _Bucket, trace_id: str, span_id: str) -> ErrorEvent:
    seconds = bucket.at - bucket.since
    event = message_event(
        f"{bucket.title}: {bucket.held} more were held back",
        event_id=_ids.event_id(),
        time=_clock.wall(),
        trace_id=trace_id,
        span_id=span_id,
        level="warning",
    )
    extra: dict[str, Any] = {"held_back": bucket.held, "seconds": round(seconds, 3)}
    event.logger = "instrument"
    event.extra = extra
    event.fingerprint = ["instrument", "storm", bucket.title]
    return event
