"""Records in memory, for when there is no disk to keep them on. They end with the process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import Final

from .. import _fork
from .._books import Books
from .record import LEAST_FIRST, Kind, Record
from .spool_books import count_spooled, move_lost

__all__ = ["MemorySpool"]

PATIENCE: Final = 1.0


class MemorySpool:
    """A source that keeps at most `max_bytes` of payloads; beyond them the oldest transactions go first, errors last.

    `append` waits for nobody, in any thread, signal handler or finalizer.
    """

    def __init__(self, *, max_bytes: int = 4 * 1024 * 1024, books: Books) -> None:
        self._max_bytes = max_bytes
        self._books = books
        self.forget()
        _fork.in_child(self.forget)

    def append(self, record: Record) -> None:
        """Keep `record` and count it as spooled."""
        count_spooled(self._books, record)
        self.put(record)

    def read(self, kind: Kind, max_records: int, max_bytes: int) -> list[Record]:
        """The oldest unfinished records of a kind; at least one if there is any, even one larger than `max_bytes`."""
        if not self._lock.acquire(timeout=PATIENCE):
            return []
        try:
            self._take_in()
            records = _limited(list(self._lanes[kind]), max_records, max_bytes)
            self._given[kind] = len(records)
            return records
        finally:
            self._lock.release()

    def done(self, kind: Kind, count: int) -> None:
        """The first `count` records that `read` gives are finished."""
        if not self._lock.acquire(timeout=PATIENCE):
            return
        try:
            count = min(count, self._given[kind])
            for _ in range(count):
                self._bytes -= len(self._lanes[kind].popleft().payload)
            self._given[kind] -= count
        finally:
            self._lock.release()

    def pending(self, kind: Kind) -> tuple[int, int]:
        """How many records, and spans in them, are waiting."""
        waiting = [*self._lanes[kind].copy(), *(record for record in self._incoming.copy() if record.kind == kind)]
        return len(waiting), sum(record.spans for record in waiting)

    def has_neighbours(self) -> bool:
        """Nobody else can reach this memory."""
        return False

    @property
    def outlives(self) -> bool:
        """Whether all that waits here is kept for the next process: only nothing is."""
        return self.is_empty

    def close(self) -> None:
        """Nothing to close."""

    def put(self, record: Record) -> None:
        """Keep a record that the books already have."""
        self._incoming.append(record)
        # Whoever holds the lock, perhaps this very thread further down its stack, takes the record in.
        while self._incoming and self._lock.acquire(blocking=False):
            try:
                self._take_in()
            finally:
                self._lock.release()

    def take(self, kind: Kind) -> Record | None:
        """Take out the oldest record of a kind."""
        if not self._lock.acquire(timeout=PATIENCE):
            return None
        try:
            self._take_in()
            self._given[kind] = 0
            if not self._lanes[kind]:
                return None
            record = self._lanes[kind].popleft()
            self._bytes -= len(record.payload)
            return record
        finally:
            self._lock.release()

    def put_back(self, record: Record) -> None:
        """Undo `take`."""
        with self._lock:
            self._lanes[record.kind].appendleft(record)
            self._bytes += len(record.payload)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is waiting, of any kind."""
        return not self._incoming and not any(self._lanes.values())

    def _take_in(self) -> None:
        while self._incoming:
            record = self._incoming.popleft()
            if len(record.payload) > self._max_bytes:
                self._lose(record)
                continue
            self._lanes[record.kind].append(record)
            self._bytes += len(record.payload)
            while self._bytes > self._max_bytes and self._drop_least():
                pass

    def _drop_least(self) -> bool:
        for kind in LEAST_FIRST:
            lane, given = self._lanes[kind], self._given[kind]
            if len(lane) > given:
                record = lane[given]
                del lane[given]
                self._bytes -= len(record.payload)
                self._lose(record)
                return True
        return False

    def _lose(self, record: Record) -> None:
        move_lost(self._books, record.kind, "queue_overflow", 1, record.spans)

    def forget(self) -> None:
        """Begin empty, as a forked child does: what was here is the parent's."""
        self._lock = threading.Lock()
        self._incoming: deque[Record] = deque()
        self._lanes: dict[str, deque[Record]] = {kind: deque() for kind in LEAST_FIRST}
        self._given = dict.fromkeys(LEAST_FIRST, 0)
        self._bytes = 0


def _limited(records: Iterable[Record], max_records: int, max_bytes: int) -> list[Record]:
    """The first records within both limits, at least one if there is any."""
    taken: list[Record] = []
    size = 0
    for record in records:
        size += len(record.payload)
        if taken and (size > max_bytes or len(taken) >= max_records):
            break
        taken.append(record)
    return taken
