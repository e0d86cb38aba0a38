"""The books: what became of everything that was started.

started = open + unsampled + folded + dropped + spooled + delivered + rejected, for transactions, spans and errors.
Every floor writes here; writing is one append, so it is safe in any thread, signal handler or finalizer.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Final

from ._value import Value, made

__all__ = ["Books", "Counts", "Stats"]

OUTCOMES: Final = ("open", "unsampled", "folded", "spooled", "delivered", "rejected")


class Counts(Value):
    """How many were started, and what became of them: started = open + unsampled + folded + dropped + spooled +
    delivered + rejected.

    - `open`: not finished yet, or never.
    - `unsampled`: not recorded, as sampling decided.
    - `folded`: spans that were put together with similar ones.
    - `dropped`: lost or left out; a mapping of the reason to how many.
    - `spooled`: waiting to be sent.
    - `delivered`: taken by the destination.
    - `rejected`: refused by the destination.
    - `unfinished`: names of those among the open ones whose transaction has ended, to how many.
    """

    started: int = 0
    open: int = 0
    unsampled: int = 0
    folded: int = 0
    dropped: dict[str, int] = made(dict)
    spooled: int = 0
    delivered: int = 0
    rejected: int = 0
    unfinished: dict[str, int] = made(dict)
    """By "op: description"."""

    @property
    def balanced(self) -> bool:
        """Whether every one that was started is accounted for."""
        ended = self.open + self.unsampled + self.folded + self.spooled + self.delivered + self.rejected
        return self.started == ended + sum(self.dropped.values())


class Stats(Value):
    """The books at one moment, as `instrument.stats()` returns them.

    `transactions`, `spans` and `errors` each have the counts `started`, `open`, `unsampled`, `folded`, `dropped` (a
    mapping of reasons to counts), `spooled`, `delivered`, `rejected` and `unfinished` (a mapping of names to counts).
    They are `balanced` when started = open + unsampled + folded + the sum of dropped + spooled + delivered + rejected.
    """

    transactions: Counts = Counts()
    spans: Counts = Counts()
    errors: Counts = Counts()

    @property
    def balanced(self) -> bool:
        """Whether the books of transactions, spans and errors all balance."""
        return self.transactions.balanced and self.spans.balanced and self.errors.balanced


class Books:
    """Counts by category ("transactions", "spans", "errors") and outcome: a list of entries, summed on demand.

    An outcome is "started", one of the balance's terms, or "dropped:<reason>".
    """

    __slots__ = ("__weakref__", "_entries", "_summing", "_totals")

    def __init__(self) -> None:
        self._entries: deque[tuple[str, str, int]] = deque()
        self._totals: dict[tuple[str, str], int] = {}
        self._summing = threading.Lock()

    def count(self, category: str, outcome: str, quantity: int = 1) -> None:
        """Write one entry. A negative quantity takes back what an earlier entry said."""
        self._entries.append((category, outcome, quantity))
        if len(self._entries) > 1000:
            self._sum()

    def enter(self, entries: tuple[tuple[str, str, int], ...]) -> None:
        """Write several entries, each (category, outcome, quantity), at once: for less than the price of two."""
        self._entries.extend(entries)
        if len(self._entries) > 1000:
            self._sum()

    def move(self, category: str, before: str, after: str, quantity: int = 1) -> None:
        """What was counted as `before` is `after` from now on."""
        self._entries.append((category, before, -quantity))
        self.count(category, after, quantity)

    def total(self, category: str, outcome: str) -> int:
        """The sum of one outcome."""
        self._sum()
        return self._totals.get((category, outcome), 0)

    def forget(self) -> None:
        """Start empty, as a forked child does: what was counted before is the parent's."""
        self._summing = threading.Lock()
        self._entries = deque()
        self._totals = {}

    def stats(self) -> Stats:
        """The books as they stand."""
        self._sum()
        totals = dict(self._totals)
        return Stats(**{name: _counts(name, totals) for name in ("transactions", "spans", "errors")})

    def _sum(self) -> None:
        # Not waiting keeps a signal handler that comes in the middle from locking itself out.
        if not self._summing.acquire(blocking=False):
            return
        try:
            taken, totals = self._entries.popleft, self._totals
            for _ in range(len(self._entries)):
                category, outcome, quantity = taken()
                key = (category, outcome)
                totals[key] = totals.get(key, 0) + quantity
        finally:
            self._summing.release()


def _counts(category: str, totals: dict[tuple[str, str], int]) -> Counts:
    dropped = {
        outcome.partition(":")[2]: quantity
        for (name, outcome), quantity in totals.items()
        if name == category and outcome.startswith("dropped:") and quantity
    }
    known: dict[str, Any] = {outcome: totals.get((category, outcome), 0) for outcome in ("started", *OUTCOMES)}
    return Counts(dropped=dropped, **known)
