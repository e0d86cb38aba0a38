"""What a Sentry server is to be told was dropped on the way: the difference between two looks at the books."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .._books import Books, Counts

__all__ = ["RATE_LIMITED", "Losses"]

CATEGORIES: Final = {"transactions": "transaction", "spans": "span", "errors": "error"}
REASONS: Final = frozenset(
    {
        "backpressure",
        "before_send",
        "buffer_overflow",
        "cache_overflow",
        "event_processor",
        "ignored",
        "insufficient_data",
        "internal_sdk_error",
        "invalid",
        "network_error",
        "queue_overflow",
        "ratelimit_backoff",
        "sample_rate",
        "send_error",
    }
)
"""Reasons that servers know; other words of ours go out as `internal_sdk_error`."""
NEVER_ENDED: Final = dict.fromkeys(("abandoned", "unfinished"), "buffer_overflow")
"""Servers have no word for what never ended; this one is what Sentry's own client says of it."""
RATE_LIMITED: Final = "rate_limited"
"""Why a record is dropped that a server turned away itself: it has counted that."""

REPORT_SECONDS: Final = 60.0

Tally = dict[tuple[str, str], int]


class Losses:
    """What the books say was lost and the server has not been told yet. It is told once a minute, or when asked to."""

    def __init__(self, *books: Books, now: float = 0.0) -> None:
        self._books: Sequence[Books] = books
        self._told: Tally = {}
        self._due_at = now + REPORT_SECONDS
        # Counted, as others ask at any moment, also while a report is on its way.
        self._asked = self._begun = self._ended = 0

    def ask(self) -> None:
        """Let the next report go out at once."""
        self._asked += 1

    @property
    def is_settled(self) -> bool:
        """Whether no report that was asked for is still to be sent."""
        return self._ended >= self._asked or not self.untold()

    def begin(self, now: float) -> Tally | None:
        """What is to be told now, if it is time to tell something; `end` follows. `None` before."""
        if now < self._due_at and self._asked <= self._ended:
            return None
        self._begun = self._asked
        return self.untold()

    def end(self, now: float) -> None:
        """The report that was begun is sent, or cannot be sent now."""
        self._ended = self._begun
        self._due_at = now + REPORT_SECONDS

    def untold(self) -> Tally:
        """Quantities by (reason, category) that the server does not know of."""
        missing = {key: quantity - self._told.get(key, 0) for key, quantity in self._lost().items()}
        return {key: quantity for key, quantity in missing.items() if quantity > 0}

    def told(self, tally: Tally) -> None:
        """The server knows of these."""
        for key, quantity in tally.items():
            self._told[key] = self._told.get(key, 0) + quantity

    def forget(self) -> None:
        """Begin anew with books that are empty, as those of a forked child are."""
        self._told = {}

    def _lost(self) -> Tally:
        lost: Tally = {}
        for books in self._books:
            stats = books.stats()
            for name, category in CATEGORIES.items():
                for reason, quantity in _losses(getattr(stats, name)):
                    lost[reason, category] = lost.get((reason, category), 0) + quantity
        return lost


def _losses(counts: Counts) -> list[tuple[str, int]]:
    losses = [("sample_rate", counts.unsampled), ("send_error", counts.rejected)]
    for reason, quantity in counts.dropped.items():
        if reason != RATE_LIMITED:
            known = NEVER_ENDED.get(reason, reason)
            losses.append((known if known in REASONS else "internal_sdk_error", quantity))
    return losses
