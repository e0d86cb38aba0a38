"""Headers that a request carries to the server, and no longer afterwards.

A request object may be sent again, to another host too: by a redirect, an authentication, a retry of the program's own.
What we added for one sending is taken back, so that nothing of it goes where it should not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._http import is_signed, merged

__all__ = ["LentHeaders", "lend"]

NAMES = ("authorization", "baggage", "sentry-trace", "traceparent", "tracestate")
"""What an adapter reads of a request before it lends it more."""


class LentHeaders:
    """What was written into `request.headers`, and what stood there before."""

    __slots__ = ("_former", "_given", "_request")

    def __init__(self, request: Any, given: Mapping[str, str], former: Mapping[str, str]) -> None:
        self._request = request
        self._given = given
        self._former = former
        headers = request.headers
        for name, value in given.items():
            if value:
                headers[name] = value
            else:
                del headers[name]

    def take_back(self) -> None:
        """Leave the headers as they were, except where somebody has changed them since."""
        headers = self._request.headers
        for name, value in self._given.items():
            if headers.get(name, "") == value:
                if name in self._former:
                    headers[name] = self._former[name]
                else:
                    del headers[name]


def lend(request: Any, existing: Mapping[str, str], ours: Mapping[str, str]) -> LentHeaders | None:
    """Add our headers to a request that has `existing` ones of `NAMES`; `None` where it gets none."""
    if existing:
        if is_signed(existing.get("authorization", "")):
            return None
        ours = merged(existing, ours)
    return LentHeaders(request, ours, existing) if ours else None
