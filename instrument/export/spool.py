"""The spool: what survives the process that made it.

A finished record is written with one call to a file of this process before the program goes on; the sender reads it
from there. No lock, queue or thread stands in between. When there is no disk, a few megabytes of memory take its place.

    <root>/<destination>/<pid>-<birth><random>/     private to the user; its lock is held while the process lives
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, Protocol, TypeVar

from .. import _clock, _fork, _guard
from .._books import Books
from .adoption import AdoptedSpool, adopt
from .memory_spool import MemorySpool
from .record import LEAST_FIRST, Kind, Record
from .spool_books import count_spooled, move_lost
from .spool_bounds import keep_house
from .spool_folder import Folder, folder_name, publish
from .spool_home import Home

__all__ = ["FileSpool", "MemorySpool", "Source"]

SEGMENT_BYTES: Final = 4 * 1024 * 1024
MEMORY_BYTES: Final = 4 * 1024 * 1024
PACK_SHARE: Final = 0.25
"""With so much of its room taken a process packs what it adds: three times as much fits in, for 10 us a record."""
KEEP_FREE_SHARE: Final = 0.05
KEEP_FREE_BYTES: Final = 1024 * 1024 * 1024
"""On a disk with so much room left we do not mind that it is a small share."""
HOUSEKEEPING_SECONDS: Final = 60.0
PATIENCE: Final = 1.0
LONGEST_REST: Final = 60.0

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")


class Source(Protocol):
    """What the sender drains."""

    def read(self, kind: Kind, max_records: int, max_bytes: int) -> list[Record]:
        """The oldest unfinished records of a kind; at least one if there is any, even one larger than `max_bytes`."""

    def done(self, kind: Kind, count: int) -> None:
        """The first `count` records that the last `read` gave are finished: delivered, refused or given up."""

    def pending(self, kind: Kind) -> tuple[int, int]:
        """How many records, and spans in them, are waiting."""

    def close(self) -> None:
        """Let go of it; what is unfinished stays where it is."""


class FileSpool:
    """A source that keeps records in files of this process. Nothing is made on disk before the first `append`.

    `max_bytes` bounds this process, `total_bytes` all processes of the user, `max_age` is in seconds. What goes beyond
    them is lost, the oldest transactions first and errors last, and counted: in `books`, or in `orphans_books` when a
    dead process left it to this destination.
    """

    _home: Home | None
    _is_settling: bool
    _rests: int
    _rest_until: float
    _house_due: float
    _process: int

    def __init__(
        self,
        root: Path,
        destination: str,
        *,
        max_bytes: int = 64 * 1024 * 1024,
        total_bytes: int = 256 * 1024 * 1024,
        max_age: float = 48 * 3600.0,
        books: Books,
        orphans_books: Books | None = None,
        wall: Callable[[], int] = _clock.wall,
        seconds: Callable[[], float] = _clock.seconds,
    ) -> None:
        self._root = root
        self._destination = folder_name(destination)
        self._max_bytes = max_bytes
        self._total_bytes = total_bytes
        self._max_age = max_age
        self._books = books
        self._orphans_books = orphans_books or Books()
        self._wall = wall
        self._seconds = seconds
        self._segment_bytes = min(SEGMENT_BYTES, max(4096, max_bytes // 16))
        self._memory = MemorySpool(max_bytes=MEMORY_BYTES, books=books)
        self._forget()
        _fork.in_child(self._after_fork)

    def append(self, record: Record) -> None:
        """Keep `record`, on disk if there is one. Never raises; safe in any thread, signal handler or finalizer."""
        count_spooled(self._books, record)
        if not _guard.guarded("spool", False, self._keep, record):
            self._lose(record.kind, "internal_sdk_error", 1, record.spans)

    def read(self, kind: Kind, max_records: int, max_bytes: int) -> list[Record]:
        """The oldest unfinished records of a kind; at least one if there is any, even one larger than `max_bytes`."""
        return self._locked([], self._read, kind, max_records, max_bytes)

    def done(self, kind: Kind, count: int) -> None:
        """The first `count` records that the last `read` gave are finished."""
        self._locked(None, self._done, kind, count)

    def pending(self, kind: Kind) -> tuple[int, int]:
        """How many records, and spans in them, are waiting."""
        self._waiting[kind] = self._locked(self._waiting[kind], self._pending, kind)
        return self._waiting[kind]

    def adopt(self) -> AdoptedSpool | None:
        """The oldest folder that a dead process left for this destination, as a source; `None` when there is none."""
        return _guard.guarded("adoption", None, self._adopt)

    def has_neighbours(self) -> bool:
        """Whether other processes, living or dead, have a folder here. One look at a directory, nothing is opened."""
        home = self._home
        own = None if home is None else home.folder.path.name
        try:
            return any(name != own and name[0].isdigit() for name in os.listdir(self.destination))
        except OSError:
            return False

    @property
    def outlives(self) -> bool:
        """Whether all that waits here is kept for the next process. What had to be kept in memory is not."""
        return self._memory.is_empty

    def close(self) -> None:
        """Remove the folder when it is drained, else leave it for another process. A later `append` makes a new one."""
        self._locked(None, self._close)

    @property
    def destination(self) -> Path:
        """The folder in which all processes with this destination have theirs; it may not be there yet."""
        return self._root / self._destination

    @property
    def folder(self) -> Path | None:
        """Where this process keeps its records now, if anywhere."""
        home = self._home
        return None if home is None else home.folder.path

    def _keep(self, record: Record) -> bool:
        if not self._rest_until or self._seconds() >= self._rest_until:
            try:
                home = self._home
                if home is None or home.process != os.getpid():
                    home = self._settle()
                if home is not None:
                    if home.lanes[record.kind].append(record, self._wall()):
                        if self._rest_until:
                            self._end_rest()
                        return True
                    raise OSError(errno.ENOSPC, "only a part of a record found room")
            except OSError as error:
                self._begin_rest(error)
        self._memory.put(record)
        return True

    def _settle(self) -> Home | None:
        """Make the folder of this process; `None` when this very thread is at it, further up its stack."""
        lock = self._settling
        if not lock.acquire(timeout=PATIENCE):
            return None
        try:
            if self._home is not None and self._home.process == os.getpid():
                return self._home
            if self._is_settling:
                return None
            if self._home is not None:
                self._after_fork()
            self._is_settling = True
            try:
                self._home = self._publish()
            finally:
                self._is_settling = False
            return self._home
        finally:
            lock.release()

    def _publish(self) -> Home:
        root = Folder.at(self._root, make=True)
        try:
            destination = root.folder(self._destination, make=True)
        finally:
            root.close()
        try:
            _check_room(destination)
            folder, lock = publish(destination, f"{os.getpid()}-{self._wall():016x}{os.urandom(4).hex()}")
        except BaseException:
            destination.close()
            raise
        return Home(
            destination, folder, lock, segment_bytes=self._segment_bytes, make_room=self._make_room, lose=self._lose
        )

    def _make_room(self) -> bool:
        """Before a new segment: let the oldest go when this process has too much. Raises `OSError` on a full disk.

        Whether the sender is so far behind that the segment is to be packed.
        """
        home = self._home
        if home is None:
            return False
        _check_room(home.folder)
        if home.bytes() + self._segment_bytes > self._max_bytes and self._lock.acquire(blocking=False):
            try:
                for kind in LEAST_FIRST:
                    while home.bytes() + self._segment_bytes > self._max_bytes and home.evict(kind):
                        pass
            finally:
                self._lock.release()
        return home.bytes() > self._max_bytes * PACK_SHARE

    def _begin_rest(self, error: OSError) -> None:
        if not self._rest_until:
            _guard.say("spool disk", f"the spool cannot be written, records are kept in memory until it can: {error}")
        self._rests += 1
        self._rest_until = self._seconds() + min(LONGEST_REST, 0.5 * 2 ** min(self._rests, 10))
        home = self._home
        if home is not None:
            for lane in home.lanes.values():
                lane.seal()

    def _end_rest(self) -> None:
        self._rest_until = 0.0
        self._rests = 0
        _guard.say("spool disk again", "the spool can be written again", logging.INFO)

    def _read(self, kind: Kind, max_records: int, max_bytes: int) -> list[Record]:
        if not self._memory.is_empty:
            self._restore()
        self._source[kind] = self._memory
        home = self._home
        if home is not None:
            lane, records = home.lanes[kind], []
            try:
                self._keep_house(home)
                records = lane.read(max_records, max_bytes, self._wall() - int(self._max_age * 1e9))
            except OSError as error:
                if not home.is_gone:
                    _guard.say("spool read", f"the spool cannot be read now: {error}")
                    return []
            if records:
                self._source[kind] = home
                return records
            # An open file can be read to its end without its folder, so this is soon enough to look.
            if lane.segments and home.is_gone:
                self._move_out(home)
                return self._read(kind, max_records, max_bytes)
        return self._memory.read(kind, max_records, max_bytes)

    def _done(self, kind: Kind, count: int) -> None:
        self._source[kind].done(kind, count)

    def _pending(self, kind: Kind) -> tuple[int, int]:
        records, spans = self._memory.pending(kind)
        home = self._home
        if home is not None:
            on_disk = home.pending(kind)
            records, spans = records + on_disk[0], spans + on_disk[1]
        return records, spans

    def _restore(self) -> None:
        """Put on disk what had to be kept in memory."""
        if self._home is not None and self._home.is_gone:
            self._move_out(self._home)
        for kind in reversed(LEAST_FIRST):
            while not self._rest_until or self._seconds() >= self._rest_until:
                record = self._memory.take(kind)
                if record is None:
                    break
                try:
                    home = self._home or self._settle()
                    if home is not None and home.lanes[kind].append(record, self._wall()):
                        if self._rest_until:
                            self._end_rest()
                        continue
                    self._begin_rest(OSError(errno.ENOSPC, "only a part of a record found room"))
                except OSError as error:
                    self._begin_rest(error)
                self._memory.put_back(record)

    def _move_out(self, home: Home) -> None:
        """Somebody removed our folder: what can still be read of it goes into a new one."""
        self._home = None
        _guard.say("spool gone", f"the folder of the spool was removed while in use: {home.folder.path}")
        for lane in home.lanes.values():
            for record in lane.salvage():
                self._memory.put(record)
        home.close()
        self._restore()

    def _keep_house(self, home: Home) -> None:
        now = self._seconds()
        if now < self._house_due:
            return
        self._house_due = now + HOUSEKEEPING_SECONDS
        keep_house(home, self._total_bytes, self._max_age, self._lose_of_dead, self._lose_of_others, self._wall)

    def _adopt(self) -> AdoptedSpool | None:
        if not self._root.is_dir():
            return None
        try:
            with Folder.at(self._root, make=False) as root, root.folder(self._destination) as destination:
                home = self._home
                own = None if home is None else home.folder.path.name
                return adopt(destination, own, max_age=self._max_age, lose=self._lose_of_dead, wall=self._wall)
        except FileNotFoundError:
            return None
        except OSError as error:
            _guard.say("spool folder", f"nothing is adopted: {error}")
            return None

    def _close(self) -> None:
        if not self._memory.is_empty:
            self._restore()
        home, self._home = self._home, None
        if home is not None:
            home.leave()

    def _lose(self, kind: str, reason: str, records: int, spans: int) -> None:
        move_lost(self._books, kind, reason, records, spans)

    def _lose_of_dead(self, kind: str, reason: str, records: int, spans: int) -> None:
        move_lost(self._orphans_books, kind, reason, records, spans)
        self._lose_of_others(kind, reason, records, spans)

    def _lose_of_others(self, kind: str, reason: str, records: int, spans: int) -> None:
        """What was left to any destination is lost; only our own server can be told of what it was to have."""
        _guard.say(f"spool lost {reason}", f"{records} of kind {kind} that a dead process left are lost: {reason}")

    def _locked(self, default: D, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | D:
        if self._process != os.getpid():
            self._after_fork()  # a host that runs no fork hooks
        lock = self._lock
        if not lock.acquire(timeout=PATIENCE):
            return default
        try:
            return _guard.guarded("spool", default, method, *args, **kwargs)
        finally:
            lock.release()

    def _after_fork(self) -> None:
        home = self._home
        self._memory.forget()
        self._forget()
        if home is not None:
            home.close_in_child()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._settling = threading.RLock()
        self._is_settling = False
        self._home = None
        self._rests = 0
        self._rest_until = 0.0
        self._house_due = 0.0
        self._source: dict[str, MemorySpool | Home] = dict.fromkeys(LEAST_FIRST, self._memory)
        self._waiting: dict[str, tuple[int, int]] = dict.fromkeys(LEAST_FIRST, (0, 0))


def _check_room(folder: Folder) -> None:
    free, share = folder.free_share()
    if share < KEEP_FREE_SHARE and free < KEEP_FREE_BYTES:
        raise OSError(errno.ENOSPC, f"only {share:.1%} of the disk is free")
