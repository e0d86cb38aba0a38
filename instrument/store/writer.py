"""The one way into the store: batches of event payloads, each written exactly once however often it is delivered."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Final

from .. import _fork, _guard
from . import retention
from .access import prepare_file, prepare_folder
from .batch import insert
from .failures import StoreBusy, StoreDamaged, StoreFailed, translated
from .lock import Turn
from .rows import Row, read_row
from .schema import migrate

__all__ = ["Writer"]

BUSY_SECONDS: Final = 5.0
CLOSE_PATIENCE: Final = 0.2
# A checkpoint comes at 8 MB; a file that is cut below that and grows again each time costs more than it saves.
SETTINGS: Final = ("PRAGMA synchronous = NORMAL", "PRAGMA journal_size_limit = 16777216")

_abandoned: list[sqlite3.Connection] = []
"""Connections that a child inherited, or that could not be closed in turn: never used again and never closed."""


class Writer:
    """Writes to the store at `path`, begun with the first batch and bounded by `max_bytes` and `max_age` (seconds).

    Any number of processes may have a writer for the same file; a batch waits for its turn at most `patience` seconds.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_bytes: int, max_age: float, patience: float = 1.0) -> None:
        self.path = os.path.abspath(path)
        self.max_bytes = max_bytes
        self.max_age = max_age
        self.patience = patience
        self._turn = Turn(self.path + ".lock")
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._process = os.getpid()
        self._retention = retention.Schedule()
        _fork.in_child(self._forget)

    def write(self, payloads: Sequence[bytes]) -> tuple[int, ...]:
        """Store events (Sentry event JSON, one in each payload); all of them or, on an exception, none.

        Returns the positions of payloads that are no events and were left out. Raises StoreBusy when the batch should
        be tried again, StoreFailed when the file cannot be written.
        """
        rows = [read_row(payload) for payload in payloads]
        known = [row for row in rows if row is not None]
        if known:
            self._forget_if_forked()
            with translated(self.path):
                folder = os.path.dirname(self.path)
                if self._connection is None or not os.path.isdir(folder):
                    prepare_folder(folder)
                with self._turn.taken(self.patience):
                    self._store(known)
        return tuple(position for position, row in enumerate(rows) if row is None)

    def close(self) -> None:
        """Let go of the file, if its turn comes soon. The writer opens it again when it is given more."""
        self._forget_if_forked()
        if self._connection is None:
            return
        try:
            with translated(self.path), self._turn.taken(CLOSE_PATIENCE):
                self._drop()
        except (StoreBusy, StoreFailed):
            # Closing may checkpoint, which needs the turn; the end of the process closes without a checkpoint.
            self._abandon()

    def _store(self, rows: list[Row]) -> None:
        try:
            self._insert(rows)
        except StoreDamaged:
            self._move_aside()
            self._insert(rows)

    def _insert(self, rows: list[Row]) -> None:
        """One batch in one SQLite transaction; a connection on which anything went wrong is not used again."""
        done = False
        try:
            with translated(self.path):
                connection = self._connect()
                connection.execute("BEGIN IMMEDIATE")
                insert(connection, rows)
                connection.execute("COMMIT")
                self._retention.keep(connection, sum(row.size for row in rows), self.max_bytes, self.max_age)
            done = True
        finally:
            if not done:
                self._drop()

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None and _identity(self.path) == self._file:
            return self._connection
        self._drop()
        prepare_file(self.path)
        self._file = _identity(self.path)
        self._connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        migrate(self._connection, self.path)
        for setting in SETTINGS:
            self._connection.execute(setting)
        return self._connection

    def _move_aside(self) -> None:
        aside = self.path + ".damaged"
        _guard.say("store damaged", f"{self.path} is damaged; it is kept as {aside}, and a new one is begun")
        for suffix in ("-wal", ""):
            if os.path.exists(self.path + suffix):
                os.replace(self.path + suffix, aside + suffix)
        if os.path.exists(self.path + "-shm"):
            os.unlink(self.path + "-shm")

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                _abandoned.append(connection)

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _abandoned.append(connection)

    def _forget(self) -> None:
        """In a forked child: SQLite forbids to use or to close what was opened before the fork."""
        self._process = os.getpid()
        self._abandon()

    def _forget_if_forked(self) -> None:
        if self._process != os.getpid():
            self._turn.forget()
            self._forget()


def _identity(path: str) -> tuple[int, int] | None:
    """What stays the same as long as it is the same file; None when there is none."""
    try:
        about = os.stat(path)
    except FileNotFoundError:
        return None
    return about.st_dev, about.st_ino
