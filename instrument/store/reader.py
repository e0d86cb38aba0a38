"""Questions to the store. Reading disturbs no writer, and a store that does not exist yet is an empty one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

from .failures import AmbiguousTrace, translated
from .schema import KEY_LENGTH, check_readable
from .search import Query, matching
from .tree import attach_errors, build, nodes, walk
from .values import ErrorRecord, Trace, TraceSummary, TransactionRecord, process_labels

__all__ = ["Reader"]

BUSY_SECONDS: Final = 5.0
SHOWN_MATCHES: Final = 5


class Reader:
    """Reads the store at `path`. May be used in one thread at a time; a `with` block closes it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. The next question opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def recent(self, limit: int = 20) -> list[TraceSummary]:
        """The traces that started last, newest first."""
        return self.find(limit=limit)

    def find(
        self,
        *,
        op: str | None = None,
        name: str | None = None,
        status: str | None = None,
        min_duration: float | None = None,
        since: float | None = None,
        errors: bool = False,
        limit: int = 20,
    ) -> list[TraceSummary]:
        """Traces, newest first, that have one span with all of these: the op, the name, the status, the duration.

        `name` is found anywhere in a span's name, in upper or lower case; `*` and `?` in it stand for any characters.
        `min_duration` is in seconds. `since` (Unix seconds) and `errors` (only those with error events) are asked of
        the whole trace.
        """
        query = Query(op=op, name=name, status=status, min_duration=min_duration, since=since, errors=errors)
        with self._question() as connection:
            if connection is None:
                return []
            return [_summary(connection, *found) for found in matching(connection, query, limit)]

    def newest(self) -> Trace | None:
        """The trace that started last; None when the store is empty."""
        with self._question() as connection:
            if connection is None:
                return None
            row = connection.execute("SELECT id, trace_id FROM traces ORDER BY start DESC, id DESC LIMIT 1").fetchone()
            return _trace(connection, *row) if row else None

    def trace(self, prefix: str) -> Trace | None:
        """The trace whose id begins so, or that the error event with this id belongs to; None when there is none.

        Raises AmbiguousTrace when several begin so.
        """
        prefix = prefix.strip().lower().replace("-", "")
        with self._question() as connection:
            if connection is None or not prefix:
                return None
            rows = _by_prefix(connection, prefix) or _by_event(connection, prefix)
            if len(rows) > 1:
                raise AmbiguousTrace(prefix, tuple(row[1] for row in rows[:SHOWN_MATCHES]))
            return _trace(connection, *rows[0]) if rows else None

    def errors(self, trace_id: str) -> list[ErrorRecord]:
        """The error events of a trace, oldest first."""
        with self._question() as connection:
            if connection is None:
                return []
            rows = _by_prefix(connection, trace_id)
            return _errors(connection, rows[0][0]) if len(rows) == 1 else []

    @contextmanager
    def _question(self) -> Iterator[sqlite3.Connection | None]:
        """One view of the store, whatever is written meanwhile; None when there is no store."""
        with translated(self.path):
            connection = self._connect()
            if connection is None:
                yield None
                return
            connection.execute("BEGIN")
            try:
                yield connection if check_readable(connection, self.path) else None
            finally:
                connection.execute("ROLLBACK")

    def _connect(self) -> sqlite3.Connection | None:
        try:
            about = os.stat(self.path)
        except FileNotFoundError:
            self.close()
            return None
        if self._file != (about.st_dev, about.st_ino):
            self.close()
        if self._connection is None:
            self._file = (about.st_dev, about.st_ino)
            self._connection = _open(self.path)
        return self._connection


def _open(path: str) -> sqlite3.Connection:
    location = f"file:{quote(path)}?mode=ro"
    try:
        return _checked(location)
    except sqlite3.OperationalError:
        # In a folder that cannot be written SQLite can make no -shm file; then nobody writes the database either.
        if os.access(os.path.dirname(path), os.W_OK) or os.path.exists(path + "-wal"):
            raise
        return _checked(location + "&immutable=1")


def _checked(location: str) -> sqlite3.Connection:
    """A connection that can read; SQLite itself opens the file only when it is asked something."""
    connection = sqlite3.connect(
        location, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _by_prefix(connection: sqlite3.Connection, prefix: str) -> list[tuple[int, str]]:
    try:
        low, high = (int(prefix[:KEY_LENGTH].ljust(KEY_LENGTH, fill), 16) for fill in "0f")
    except ValueError:
        return []
    return connection.execute(
        "SELECT id, trace_id FROM traces WHERE key BETWEEN ? AND ? AND substr(trace_id, 1, ?) = ?"
        " ORDER BY trace_id LIMIT ?",
        (low, high, len(prefix), prefix, SHOWN_MATCHES + 1),
    ).fetchall()


def _by_event(connection: sqlite3.Connection, event_id: str) -> list[tuple[int, str]]:
    return connection.execute(
        "SELECT t.id, t.trace_id FROM errors e JOIN traces t ON t.id = e.trace WHERE e.event_id = ?", (event_id,)
    ).fetchall()


def _summary(connection: sqlite3.Connection, trace: int, trace_id: str, start: float, finish: float) -> TraceSummary:
    roots = connection.execute(
        "SELECT name, op, status, spans, process, pid FROM transactions WHERE trace = ?"
        " ORDER BY parent_span_id IS NOT NULL, start, id",
        (trace,),
    ).fetchall()
    (errors,) = connection.execute("SELECT count(*) FROM errors WHERE trace = ?", (trace,)).fetchone()
    if roots:
        name, op, status = roots[0][:3]
    else:
        row = connection.execute("SELECT title FROM errors WHERE trace = ? ORDER BY time, id", (trace,)).fetchone()
        name, op, status = row[0] if row else None, None, None
    return TraceSummary(
        trace_id=trace_id,
        name=name or "",
        op=op,
        status=status,
        start=start,
        duration=finish - start,
        transactions=len(roots),
        spans=sum(root[3] for root in roots),
        errors=errors,
        processes=tuple(process_labels((process, pid) for *_, process, pid in roots).values()),
    )


def _trace(connection: sqlite3.Connection, trace: int, trace_id: str) -> Trace:
    rows = connection.execute(
        "SELECT process, pid, event_id, span_id, event FROM transactions WHERE trace = ? ORDER BY start, id", (trace,)
    ).fetchall()
    labels = process_labels((process, pid) for process, pid, *_ in rows)
    transactions = tuple(
        TransactionRecord(event_id, span_id, process, pid, labels[process, pid], event)
        for process, pid, event_id, span_id, event in rows
    )
    roots = build([node for transaction in transactions for node in nodes(transaction)])
    errors = _errors(connection, trace)
    loose = attach_errors(roots, errors)
    every = list(walk(roots))
    starts = [node.start for node in every] or [error.time for error in errors]
    return Trace(
        trace_id=trace_id,
        start=min(starts),
        duration=max([node.finish for node in every], default=max(starts)) - min(starts),
        roots=tuple(roots),
        errors=tuple(loose),
        transactions=transactions,
        spans=len(every),
        error_count=len(errors),
    )


def _errors(connection: sqlite3.Connection, trace: int) -> list[ErrorRecord]:
    rows = connection.execute(
        "SELECT event_id, span_id, time, level, title, event FROM errors WHERE trace = ? ORDER BY time, id", (trace,)
    )
    return [ErrorRecord(*row) for row in rows]
