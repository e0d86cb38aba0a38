"""Moments as programs write them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final

__all__ = ["nanoseconds"]

_LATEST_SECOND: Final = 253_402_300_800


def nanoseconds(given: Any, otherwise: int) -> int:
    """A time as the protocol writes it, seconds or RFC 3339, in nanoseconds since 1970-01-01 UTC."""
    if type(given) is int or type(given) is float:
        return int(given * 1_000_000_000) if 0 <= given < _LATEST_SECOND else otherwise
    if type(given) is not str:
        return otherwise
    try:
        moment = datetime.fromisoformat(given.replace("Z", "+00:00"))
    except ValueError:
        return otherwise
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1_000_000) * 1000
