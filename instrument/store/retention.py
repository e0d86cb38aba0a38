"""What leaves the store: what is too old, and when the file is full the oldest traces first and errors last.

Both are done by whoever has just written and still holds the lock, a bounded piece at a time.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from .. import _clock

__all__ = ["Schedule", "expire", "shrink"]

AGE_INTERVAL: Final = 60.0
"""Seconds between two looks for what is too old."""

PIECE: Final = 20
"""Transactions that go in one step."""

STEPS: Final = 50
"""Steps after one batch at most, so that nobody waits long for a turn. What is left goes after the next batches."""

SLACK: Final = 0.01
"""How far below the bound to go."""

ERROR_SHARE: Final = 0.5
"""How much of the file errors may take up once the traces around them have gone."""


class Schedule:
    """Remembers when to look again."""

    def __init__(self) -> None:
        self._next_look = 0.0

    def keep(self, connection: sqlite3.Connection, max_bytes: int, max_age: float) -> None:
        """Remove what is beyond the bounds. Cheap when nothing is."""
        if _clock.seconds() >= self._next_look:
            self._next_look = _clock.seconds() + AGE_INTERVAL
            expire(connection, _clock.wall() / 1e9 - max_age)
        shrink(connection, max_bytes)


def expire(connection: sqlite3.Connection, before: float) -> None:
    """Remove the traces that ended, and the errors that happened, before that moment (Unix seconds)."""
    old = connection.execute(
        "SELECT id FROM traces WHERE start < ? AND finish < ? ORDER BY start LIMIT ?", (before, before, PIECE * STEPS)
    ).fetchall()
    if old:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("DELETE FROM transactions WHERE trace = ?", old)
        connection.executemany("DELETE FROM errors WHERE trace = ?", old)
        connection.executemany("DELETE FROM traces WHERE id = ?", old)
        connection.execute("COMMIT")


def shrink(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Remove the oldest transactions, then the oldest errors, when the file holds more than `max_bytes`."""
    if _used(connection) > max_bytes:
        target = int(max_bytes * (1 - SLACK))
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(STEPS):
            if _used(connection) <= target:
                break
            if not _remove_oldest_traces(connection) and not _remove_oldest_errors(connection, max_bytes):
                break
        connection.execute("COMMIT")
    if _size(connection) > max_bytes:
        _give_back(connection, max_bytes)


def _remove_oldest_traces(connection: sqlite3.Connection) -> bool:
    """Remove a piece; whether there was one. A trace that has errors stays as the place where they are found."""
    oldest = connection.execute("SELECT trace FROM transactions ORDER BY trace LIMIT ?", (PIECE,)).fetchall()
    newest = connection.execute("SELECT max(trace) FROM transactions").fetchone()[0]
    # The newest trace stays, or a single trace that is larger than the bound could never be seen.
    if not oldest or oldest[0][0] == newest:
        return False
    bound = min(oldest[-1][0], newest - 1)
    connection.execute("DELETE FROM transactions WHERE trace <= ?", (bound,))
    connection.execute("DELETE FROM traces WHERE id <= ? AND id NOT IN (SELECT trace FROM errors)", (bound,))
    return True


def _remove_oldest_errors(connection: sqlite3.Connection, max_bytes: int) -> bool:
    """Remove a piece when errors take up more than their share; whether they did."""
    (held,) = connection.execute("SELECT coalesce(sum(length(event)), 0) FROM errors").fetchone()
    if held <= max_bytes * ERROR_SHARE:
        return False
    connection.execute("DELETE FROM errors WHERE id IN (SELECT id FROM errors ORDER BY id LIMIT ?)", (PIECE,))
    connection.execute(
        "DELETE FROM traces WHERE id NOT IN (SELECT trace FROM errors) AND id NOT IN (SELECT trace FROM transactions)"
    )
    return True


def _give_back(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Return free pages to the system. They are reused, so this happens only after the bound was lowered."""
    spare = (_size(connection) - max_bytes) // _page_size(connection) + 1
    connection.execute(f"PRAGMA incremental_vacuum({int(spare)})").fetchall()


def _page_size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])


def _size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0]) * _page_size(connection)


def _used(connection: sqlite3.Connection) -> int:
    free = int(connection.execute("PRAGMA freelist_count").fetchone()[0])
    return _size(connection) - free * _page_size(connection)
