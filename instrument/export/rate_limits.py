"""What the server asked us not to send, and until when: `X-Sentry-Rate-Limits`, `Retry-After`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .._value import Value, evolve, made

__all__ = ["RateLimits", "retry_after"]

HEADER: Final = "x-sentry-rate-limits"
LONGEST_SECONDS: Final = 3600.0
UNSTATED_SECONDS: Final = 60.0
PARSED_LENGTH: Final = 4096
EVERYTHING: Final = ""
CATEGORIES: Final = {"error": "error", "transaction": "transaction", "report": "internal"}
"""The category of each kind of record in an envelope. Limits of other categories are not for us."""
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12}")


class Limit(Value):
    """Over as soon as one of two clocks says so: one stands still while the machine sleeps, the other may be set."""

    until: float
    until_wall: float

    def wait(self, now: float, wall: float) -> float:
        """Seconds until it is over; 0 when it is."""
        return max(0.0, min(self.until - now, self.until_wall - wall))


class RateLimits(Value):
    """The limits in force, by category. Times are seconds: `now` monotonic, `wall` since 1970."""

    limits: Mapping[str, Limit] = made(dict)
    categories: Mapping[str, str] = CATEGORIES
    """What the other side counts each kind of record as."""
    unstated: float = UNSTATED_SECONDS
    """How long a 429 is for that does not say it; 0 leaves it to the back-off."""

    def wait(self, kind: str, now: float, wall: float) -> float:
        """Seconds until a record of this kind may be sent; 0 when it may be now."""
        if not self.limits:
            return 0.0
        found = (self.limits.get(category) for category in (EVERYTHING, self.categories[kind]))
        return max((limit.wait(now, wall) for limit in found if limit), default=0.0)

    def answered(self, status: int | None, headers: Mapping[str, str], now: float, wall: float) -> RateLimits:
        """The limits after an answer with this status and these headers (names in lower case)."""
        text = headers.get(HEADER)
        if text is not None:
            asked = _parsed(text, frozenset(self.categories.values()))
        elif status == 429:
            stated = retry_after(headers, wall)
            asked = {EVERYTHING: self.unstated if stated is None else stated}
        else:
            return self
        limits = {category: limit for category, limit in self.limits.items() if limit.wait(now, wall)}
        for category, seconds in asked.items():
            before = limits.get(category, Limit(now, wall))
            limits[category] = Limit(max(before.until, now + seconds), max(before.until_wall, wall + seconds))
        return evolve(self, limits=limits)


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """What `Retry-After` asks for, in seconds and at most an hour; `None` when it is absent, junk or overruled."""
    if HEADER in headers:
        return None
    text = headers.get("retry-after", "").strip()[:100]
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_SECONDS)
    if not text:
        return None
    # There since the HTTP transport was made, which is the only one whose answers have headers.
    from email.utils import parsedate_to_datetime

    try:
        seconds = parsedate_to_datetime(text).timestamp() - wall
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return max(0.0, min(seconds, LONGEST_SECONDS))


def _parsed(text: str, categories: frozenset[str]) -> dict[str, float]:
    """Seconds by category, of `categories`. An element that cannot be read is left out, never widened to everything."""
    if len(text) > PARSED_LENGTH:
        text = text[:PARSED_LENGTH].rpartition(",")[0]
    found: dict[str, float] = {}
    for element in text.split(","):
        fields = element.split(":")
        seconds = fields[0].strip()
        if len(fields) < 2 or not _SECONDS.fullmatch(seconds):
            continue
        named = {name.strip().lower() for name in fields[1].split(";")} - {""}
        wanted = named & categories if named else {EVERYTHING}
        for category in wanted:
            found[category] = max(found.get(category, 0.0), min(float(seconds), LONGEST_SECONDS))
    return found
