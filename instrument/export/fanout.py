"""Several destinations as one. None can keep an item from another, or make the others late with its own failure."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _clock, _guard
from .._books import Books
from ..recording import Event
from .exporter import Exporter

__all__ = ["Fanout"]


class Fanout:
    """Gives every item to each of `exporters`, in their order. The books follow the first one that keeps books."""

    def __init__(self, exporters: Iterable[Exporter]) -> None:
        self.exporters = tuple(exporters)

    def export(self, item: Event) -> None:
        """Give `item` to each."""
        for exporter in self.exporters:
            _guard.guarded(_kind(exporter), None, exporter.export, item)

    def flush(self, timeout: float | None = None) -> bool:
        """Flush each within `timeout` seconds in all. Whether all have everything."""
        ends = None if timeout is None else _clock.seconds() + timeout
        answers = [_guard.guarded(_kind(exporter), False, exporter.flush, _left(ends)) for exporter in self.exporters]
        return all(answers)

    def close(self, timeout: float | None = None) -> bool:
        """Close each within `timeout` seconds in all. Whether all have everything."""
        ends = None if timeout is None else _clock.seconds() + timeout
        answers = [_guard.guarded(_kind(exporter), False, exporter.close, _left(ends)) for exporter in self.exporters]
        return all(answers)

    def assign(self, books: Books) -> bool:
        """Hand out the books: these to the first that keeps books, its own to each other one. Whether one took them."""
        keepers = [exporter for exporter in self.exporters if hasattr(exporter, "books")]
        for exporter in keepers:
            exporter.books = books if exporter is keepers[0] else Books()
        return bool(keepers)


def _kind(exporter: Exporter) -> str:
    return f"exporter {type(exporter).__name__}"


def _left(ends: float | None) -> float | None:
    return None if ends is None else max(0.0, ends - _clock.seconds())
