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

LOOK_BYTES: Final = 1024 * 1024
"""How much is written at most between two looks at the size."""

SLACK: Final = 0.01
"""How far below the bound to go."""

ERROR_SHARE: Final = 0.5
"""How much of the file errors may take up before they go first."""


class Schedule:
    """Remembers when to look again."""

    def __init__(self) -> None:
        self._next_look = 0.0
        self._unwatched = 0
        """How many bytes may be written before the size is looked at."""

    def keep(self, connection: sqlite3.Connection, written: int, max_bytes: int, max_age: float) -> None:
        """Remove what is beyond the bounds, after a batch of so many bytes. Cheap when there is room."""
        if _clock.seconds() >= self._next_look and not expire(connection, _clock.wall() / 1e9 - max_age):
            self._next_look = _clock.seconds() + AGE_INTERVAL
        self._unwatched -= written
        if self._unwatched < 0:
            shrink(connection, max_bytes)
            # Others write as well, so never all of the room.
            self._unwatched = min(LOOK_BYTES, (max_bytes - _used(connection)) // 2)


def expire(connection: sqlite3.Connection, before: float) -> bool:
    """Remove traces that ended before that moment (Unix seconds), errors and all; whether there may be more of them."""
    old = connection.execute(
        "SELECT id FROM traces WHERE start < ? AND finish < ? ORDER BY start LIMIT ?", (before, before, PIECE * STEPS)
    ).fetchall()
    if old:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("DELETE FROM transactions WHERE trace = ?", old)
        connection.executemany("DELETE FROM errors WHERE trace = ?", old)
        connection.executemany("DELETE FROM traces WHERE id = ?", old)
        connection.execute("COMMIT")
    return len(old) == PIECE * STEPS


def shrink(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Remove the oldest transactions, then the oldest errors, when the file holds more than `max_bytes`."""
    if _used(connection) > max_bytes:
        target = int(max_bytes * (1 - SLACK))
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(STEPS):
            if _used(connection) <= target:
                break
            crowded = _bytes_of_errors(connection) > max_bytes * ERROR_SHARE
            if crowded or not _remove_oldest_traces(connection):
                _remove_oldest_errors(connection)
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
    connection.execute(
        "DELETE FROM traces WHERE id BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM errors WHERE trace = traces.id)",
        (oldest[0][0], bound),
    )
    return True


def _remove_oldest_errors(connection: sqlite3.Connection) -> None:
    """Remove a piece, and the traces that are nothing without it."""
    oldest = connection.execute("SELECT id, trace FROM errors ORDER BY id LIMIT ?", (PIECE,)).fetchall()
    connection.executemany("DELETE FROM errors WHERE id = ?", [(number,) for number, _ in oldest])
    connection.executemany(
        "DELETE FROM traces WHERE id = ? AND NOT EXISTS (SELECT 1 FROM errors WHERE trace = traces.id)"
        " AND NOT EXISTS (SELECT 1 FROM transactions WHERE trace = traces.id)",
        [(trace,) for _, trace in oldest],
    )


def _bytes_of_errors(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(sum(size), 0) FROM errors").fetchone()[0])


def _give_back(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Return free pages to the system. They are reused, so this happens only after the bound was lowered."""
    spare = (_size(connection) - max_bytes) // _page_size(connection) + 1
    # `execute` would take one step, which is one page.
    connection.executescript(f"PRAGMA incremental_vacuum({spare})")


def _page_size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])


def _size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0]) * _page_size(connection)


def _used(connection: sqlite3.Connection) -> int:
    free = int(connection.execute("PRAGMA freelist_count").fetchone()[0])
    return _size(connection) - free * _page_size(connection)
