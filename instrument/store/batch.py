"""One batch in few statements: what the store knows of its traces is asked once, and each table is filled in one go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from .rows import Row

__all__ = ["insert"]

ASKED_AT_ONCE: Final = 100
INSERT_TRACE: Final = (
    "INSERT INTO traces (id, key, trace_id, start, finish, slowest, kinds) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
WIDEN_TRACE: Final = (
    "UPDATE traces SET start = min(start, ?), finish = max(finish, ?), slowest = max(slowest, ?), kinds = ?"
    " WHERE id = ?"
)
INSERT_TRANSACTION: Final = (
    "INSERT OR IGNORE INTO transactions (trace, event_id, span_id, parent_span_id, name, op, status, start, duration,"
    " spans, process, pid, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_ERROR: Final = (
    "INSERT OR IGNORE INTO errors (trace, event_id, span_id, time, level, title, size, event)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write `rows` inside the transaction that is open; what is there already stays as it is."""
    shares: dict[str, Row] = {}
    for row in rows:
        known = shares.get(row.trace_id)
        shares[row.trace_id] = row if known is None else _together(known, row)
    numbers = _numbers(connection, shares)
    transactions = [(numbers[row.trace_id], *row.values) for row in rows if not row.is_error]
    connection.executemany(INSERT_TRANSACTION, transactions)
    if len(transactions) < len(rows):
        errors = [(numbers[row.trace_id], *row.values) for row in rows if row.is_error]
        connection.executemany(INSERT_ERROR, errors)


def _together(one: Row, other: Row) -> Row:
    """What both add to their trace."""
    start, finish, slowest = zip(one.extent, other.extent, strict=True)
    return one._replace(extent=(min(start), max(finish), max(slowest)), kinds=one.kinds | other.kinds)


def _numbers(connection: sqlite3.Connection, shares: Mapping[str, Row]) -> dict[str, int]:
    """The numbers of the traces, which from now on have the extent and the kinds of their shares at least."""
    numbers: dict[str, int] = {}
    wider = []
    # Nobody else is writing, so what is not found now is not there a moment later.
    for number, trace_id, kinds in _found(connection, [share.key for share in shares.values()]):
        share = shares.get(trace_id)
        if share is not None:
            numbers[trace_id] = number
            wider.append((*share.extent, _joined(share.kinds.union(kinds.split("\n"))), number))
    connection.executemany(WIDEN_TRACE, wider)
    (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM traces").fetchone()
    added: list[tuple[object, ...]] = []
    for trace_id, share in shares.items():
        if trace_id not in numbers:
            numbers[trace_id] = newest + len(added) + 1
            added.append((numbers[trace_id], share.key, trace_id, *share.extent, _joined(share.kinds)))
    connection.executemany(INSERT_TRACE, added)
    return numbers


def _found(connection: sqlite3.Connection, keys: Sequence[int]) -> Iterator[tuple[int, str, str]]:
    """Number, id and kinds of the traces with these keys, and perhaps of others with the same keys."""
    for start in range(0, len(keys), ASKED_AT_ONCE):
        some = keys[start : start + ASKED_AT_ONCE]
        places = ", ".join("?" * len(some))
        yield from connection.execute(
            f"SELECT id, trace_id, kinds FROM traces WHERE key IN ({places})", some
        ).fetchall()


def _joined(kinds: Iterable[str]) -> str:
    return "\n".join(["", *sorted(filter(None, kinds)), ""])
