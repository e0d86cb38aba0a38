"""What the books say of records: spooled when they are kept, dropped for a reason when they are lost after that."""

from __future__ import annotations

from collections.abc import Callable

from .._books import Books
from .record import Kind, Record

__all__ = ["Loss", "count_spooled", "move_lost", "move_records", "reject_spans"]

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
    _move(books, kind, "spooled", f"dropped:{reason}", records, spans)


def move_records(books: Books, kind: Kind, records: list[Record], before: str, after: str) -> None:
    """What records were counted as before, they are no more."""
    _move(books, kind, before, after, len(records), _spans(records))


def reject_spans(books: Books, kind: Kind, records: list[Record], count: int) -> None:
    """Of records that are delivered, so many spans were not taken; which ones nobody says."""
    if kind == "error":
        books.move("errors", "delivered", "rejected", min(count, len(records)))
    elif kind == "transaction" and count:
        books.move("spans", "delivered", "rejected", min(count, _spans(records)))
        if count >= _spans(records):
            books.move("transactions", "delivered", "rejected", len(records))


def _spans(records: list[Record]) -> int:
    return sum(record.spans for record in records)


def _move(books: Books, kind: str, before: str, after: str, records: int, spans: int) -> None:
    """Reports are in no books."""
    if kind == "transaction":
        books.move("transactions", before, after, records)
        books.move("spans", before, after, spans)
    elif kind == "error":
        books.move("errors", before, after, records)
