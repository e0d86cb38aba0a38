"""Durations and moments as people write them in questions to the store."""

from __future__ import annotations

import datetime
import re
from typing import Final

from .. import _clock

__all__ = ["read_duration", "read_moment"]

UNITS: Final = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*(us|µs|ms|s|m|h|d)?")


def read_duration(text: str) -> float:
    """Seconds. Raises ValueError, with a message for the one who wrote it."""
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time; write 250ms, 1.5s, 2m, 3h or 1d")
    return float(match[1]) * UNITS[match[2] or "s"]


def read_moment(text: str) -> float:
    """Unix seconds: a moment, or so long ago. Raises ValueError, with a message for the one who wrote it."""
    try:
        return _clock.wall() / 1e9 - read_duration(text)
    except ValueError:
        pass
    try:
        # Before 3.11 the letter Z was not understood.
        return datetime.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text.strip())).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a moment; write 10m, 2h, 3d or 2026-01-31T12:00") from None
