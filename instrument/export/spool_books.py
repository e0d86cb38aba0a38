"""What the books say of records: spooled when they are kept, dropped for a reason when they are lost after that."""

from __future__ import annotations

from collections.abc import Callable

from .._books import Books
from .record import Record

__all__ = ["Loss", "count_spooled", "move", "move_lost"]

Loss = Callable[[str, str, int, int], None]
"""Told `(kind, reason, records, spans)` of what a source lost."""


def count_spooled(books: Books, record: Record) -> None:
    """A record is spooled."""
    if record.kind == "transaction":
        books.count("transactions", "spooled")
        books.count("spans", "spooled", record.spans)
    elif record.kind == "error":
        books.count("errors", "spooled")


def move_lost(books: Books, kind: str, reason: str, records: int, spans: int) -> None:
    """What was spooled is lost."""
    move(books, kind, "spooled", f"dropped:{reason}", records, spans)


def move(books: Books, kind: str, before: str, after: str, records: int, spans: int) -> None:
    """What records were counted as before, they are no more. Reports are in no books."""
    if kind == "transaction":
        books.move("transactions", before, after, records)
        books.move("spans", before, after, spans)
    elif kind == "error":
        books.move("errors", before, after, records)
