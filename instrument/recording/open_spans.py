"""Spans that were still open when their transaction was handed over: counted, named, and held weakly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import ref

from .._books import Books

if TYPE_CHECKING:
    from .span import Span

__all__ = ["OpenSpans"]

NAMES = 1000


class OpenSpans:
    """The books of late spans. A span that is dropped without being finished stays counted, by its name.

    Every change is one step on a dictionary, so it is safe in any thread, signal handler or finalizer.
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self._open: dict[int, tuple[ref[Span], str]] = {}
        self._lost = Books()
        self._names: dict[str, None] = {}

    def add(self, span: Span) -> None:
        """Count `span` as started and open."""
        name = f"{span.op}: {span.description}"
        if name not in self._names and len(self._names) >= NAMES:
            name = "and others"
        self._names[name] = None
        key = id(span)
        self._open[key] = (ref(span, lambda _: self._lose(key)), name)
        self._books.count("spans", "started")
        self._books.count("spans", "open")

    def _lose(self, key: int) -> None:
        entry = self._open.pop(key, None)
        if entry is not None:
            self._lost.count("unfinished", entry[1])

    def discard(self, span: Span) -> None:
        """`span` has finished and leaves as part of an item; one that was never seen here is counted as started."""
        if self._open.pop(id(span), None) is None:
            self._books.count("spans", "started")
        else:
            self._books.count("spans", "open", -1)

    def withdraw(self, span: Span) -> None:
        """`span` was added although it had left already."""
        if self._open.pop(id(span), None) is not None:
            self._books.count("spans", "started", -1)
            self._books.count("spans", "open", -1)

    def give_up(self) -> None:
        """Count what is open as lost."""
        lost = sum(self.names().values())
        self._open, self._lost = {}, Books()
        self._books.count("spans", "open", -lost)
        self._books.count("spans", "dropped:unfinished", lost)

    def names(self) -> dict[str, int]:
        """How many are open, by "op: description"."""
        names: Counter[str] = Counter(name for _, name in self._open.copy().values())
        for name in self._names.copy():
            names[name] += self._lost.total("unfinished", name)
        return {name: count for name, count in names.items() if count}

    def __iter__(self) -> Iterator[Span]:
        found: list[Any] = [reference() for reference, _ in self._open.copy().values()]
        return iter([span for span in found if span is not None])
