"""Spans that were still open when their transaction was handed over: counted, named, and held weakly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .._books import Books

if TYPE_CHECKING:
    from .span import Span

__all__ = ["OpenSpans"]

NAMES = 1000


class OpenSpans:
    """The books of late spans. A span that is dropped without being finished stays counted, by its name."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._open: WeakKeyDictionary[Span, str] = WeakKeyDictionary()
        self._names: Counter[str] = Counter()

    def add(self, span: Span) -> None:
        """Count `span` as started and open."""
        name = f"{span.op}: {span.description}"
        if name not in self._names and len(self._names) >= NAMES:
            name = "and others"
        self._open[span] = name
        self._names[name] += 1
        self._books.count("spans", "started")
        self._books.count("spans", "open")

    def discard(self, span: Span) -> None:
        """`span` has finished and leaves as part of an item; one that was never seen here is counted as started."""
        name = self._open.pop(span, None)
        if name is None:
            self._books.count("spans", "started")
            return
        self._books.count("spans", "open", -1)
        self._names[name] -= 1
        if not self._names[name]:
            del self._names[name]

    def give_up(self) -> None:
        """Count what is open as lost."""
        lost = sum(self._names.values())
        self._open.clear()
        self._names.clear()
        self._books.count("spans", "open", -lost)
        self._books.count("spans", "dropped:unfinished", lost)

    def names(self) -> dict[str, int]:
        """How many are open, by "op: description"."""
        return dict(self._names)

    def __iter__(self) -> Iterator[Span]:
        return iter(list(self._open))
