"""What dead processes left in the spool: found, locked, drained like any other source, and removed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final

from .. import _clock, _fork, _guard
from .descriptors import close
from .file_lock import try_lock
from .record import Kind, Record
from .spool_books import Loss
from .spool_folder import LOCK, Folder, write_at
from .spool_home import ATTEMPTS, Home

__all__ = ["FOLDER_NAME", "AdoptedSpool", "adopt", "lock_home"]

FOLDER_NAME: Final = re.compile(r"[0-9]+-([0-9a-f]{16})[0-9a-f]+")
"""The process id, and the time of birth in nanoseconds in front of some random digits."""
MOST_FOLDERS: Final = 20_000
MOST_TRIES: Final = 200
MAX_ATTEMPTS: Final = 3
REST_NS: Final = 3600 * 1_000_000_000


class AdoptedSpool:
    """A source over the folder of a dead process. What is lost in it is not in the books of this process."""

    def __init__(self, home: Home, *, max_age: float, wall: Callable[[], int] = _clock.wall) -> None:
        self._home: Home | None = home
        self._attempts = Attempts(home.folder)
        self._max_age = max_age
        self._wall = wall
        _fork.in_child(self._after_fork)

    def read(self, kind: Kind, max_records: int, max_bytes: int) -> list[Record]:
        """The oldest unfinished records of a kind; at least one if there is any, even one larger than `max_bytes`."""
        return _guard.guarded("adopted spool", [], self._read, kind, max_records, max_bytes)

    def done(self, kind: Kind, count: int) -> None:
        """The first `count` records that the last `read` gave are finished."""
        home = self._home
        if home is not None:
            _guard.guarded("adopted spool", None, home.lanes[kind].done, count)
            self._attempts.succeed(kind)

    def pending(self, kind: Kind) -> tuple[int, int]:
        """How many records, and spans in them, are waiting. The first call reads all of them."""
        home = self._home
        return (0, 0) if home is None else _guard.guarded("adopted spool", (0, 0), home.lanes[kind].pending)

    def close(self) -> None:
        """Remove the folder when it is drained, else leave it for another process."""
        home, self._home = self._home, None
        if home is not None:
            self._attempts.survive()
            self._attempts.close()
            _guard.guarded("adopted spool", None, home.leave)

    def _read(self, kind: Kind, max_records: int, max_bytes: int) -> list[Record]:
        home = self._home
        if home is None:
            return []
        self._attempts.begin(kind)
        try:
            records = home.lanes[kind].read(max_records, max_bytes, self._wall() - int(self._max_age * 1e9))
        except OSError as error:
            _guard.say("adopted spool", f"a folder of the spool cannot be read now: {error}")
            records = []
        if not records:
            self._attempts.survive()
        return records

    def _after_fork(self) -> None:
        home, self._home = self._home, None
        if home is not None:
            self._attempts.close()
            home.close_in_child()


class Attempts:
    """A file as long as the number of processes that died over the next records, one after the other.

    It grows before records are handed out and shrinks again when this process turns out to have survived them.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._descriptor = -1
        self._deaths = 0
        self._is_marked = False
        self._survived: set[str] = set()

    def begin(self, kind: str) -> None:
        """Records of a kind are about to be read and handed out."""
        if self._is_marked:
            self.survive()
        if kind in self._survived:
            return
        self._survived.add(kind)
        try:
            if self._descriptor < 0:
                self._descriptor = self._folder.open_or_create(ATTEMPTS)
                self._deaths = os.fstat(self._descriptor).st_size
            write_at(self._descriptor, b".", self._deaths)
            self._is_marked = True
        except OSError:
            pass  # without the file a bad record is tried more often

    def survive(self) -> None:
        """They were dealt with, delivered or not."""
        self._set(self._deaths)

    def succeed(self, kind: str) -> None:
        """They were delivered or refused; the next ones of the kind are new."""
        self._survived.discard(kind)
        if self._is_marked or self._deaths:
            self._deaths = 0
            self._set(0)

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        close(descriptor)

    def _set(self, deaths: int) -> None:
        self._is_marked = False
        if self._descriptor >= 0:
            try:
                os.ftruncate(self._descriptor, deaths)
            except OSError:
                pass


def adopt(
    destination: Folder, own: str | None, *, max_age: float, lose: Loss, wall: Callable[[], int]
) -> AdoptedSpool | None:
    """Lock the oldest folder whose process is dead; `None` when there is none."""
    for name in _names(destination)[:MOST_TRIES]:
        if name == own:
            continue
        try:
            home = lock_home(destination, name, lose, wall)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                _guard.say("spool folder", f"a folder of the spool is left alone: {error}")
            continue
        if home is None:
            continue
        if any(lane.segments for lane in home.lanes.values()):
            return AdoptedSpool(home, max_age=max_age, wall=wall)
        home.remove()
    return None


def _names(destination: Folder) -> list[str]:
    """The names of published folders, oldest first."""
    names: list[tuple[str, str]] = []
    for name in destination.names()[:MOST_FOLDERS]:
        match = FOLDER_NAME.fullmatch(name)
        if match:
            names.append((match[1], name))
    return [name for _, name in sorted(names)]


def lock_home(destination: Folder, name: str, lose: Loss, wall: Callable[[], int] = _clock.wall) -> Home | None:
    """Open and lock a folder; `None` when its process lives, or when it kills who reads it. Raises `OSError`."""
    folder = destination.folder(name)
    lock = -1
    try:
        lock = folder.open_or_create(LOCK)
        if try_lock(lock) and folder.holds(LOCK, lock) and not _kills(folder, wall()):
            return Home(destination.again(), folder, lock, lose=lose)
    except BaseException:
        folder.close()
        close(lock)
        raise
    folder.close()
    close(lock)
    return None


def _kills(folder: Folder, now: int) -> bool:
    """Whether the last processes that read this died of it, within the hour."""
    try:
        descriptor = folder.open(ATTEMPTS, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        found = os.fstat(descriptor)
    finally:
        close(descriptor)
    if found.st_size < MAX_ATTEMPTS or not 0 <= now - found.st_mtime_ns < REST_NS:
        return False
    _guard.say("spool attempts", f"set aside for an hour, as its readers died: {folder.path}")
    return True
