"""A share of the errors."""

from __future__ import annotations

from typing import Any

from .. import _ids
from ..recording import ErrorEvent, Event

__all__ = ["SampleErrors"]

RANGE = 1 << 64


class SampleErrors:
    """Keeps errors with a probability of `rate`."""

    def __init__(self, rate: float) -> None:
        self._limit = int(rate * RANGE)

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event | None:
        """The item, unless it is an error that is sampled out."""
        if not isinstance(item, ErrorEvent) or self._limit >= RANGE:
            return item
        return item if int(_ids.span_id(), 16) < self._limit else None
