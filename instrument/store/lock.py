"""One process at a time: the lock beside the store.

SQLite before 3.51.3 can corrupt a database in WAL mode when two connections write and checkpoint at the same moment, so
whoever writes, checkpoints or closes holds this lock. The descriptor lives only as long as one turn.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from .. import _clock, _fork
from .access import create_private
from .failures import StoreBusy

fcntl: ModuleType | None
msvcrt: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None
try:
    import msvcrt
except ImportError:
    msvcrt = None

__all__ = ["Turn"]

FIRST_WAIT = 0.001
LONGEST_WAIT = 0.05
FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Turn:
    """The right to write, taken with `with turn.taken(patience):` by one thread of one process at a time."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._threads = threading.Lock()
        self._descriptor: int | None = None
        self._pause = threading.Event()
        _fork.in_child(self.forget)

    @contextmanager
    def taken(self, patience: float) -> Iterator[None]:
        """Hold the lock for the block; StoreBusy when others keep it for longer than `patience` seconds."""
        if not self._threads.acquire(timeout=patience):
            raise StoreBusy(f"{self.path} is held by another thread")
        threads = self._threads
        try:
            self._descriptor = descriptor = self._open()
            try:
                self._wait(descriptor, patience)
                yield
            finally:
                self._release(descriptor)
        finally:
            threads.release()

    def forget(self) -> None:
        """Let go of what a forked child inherited, or the child would hold the lock on after its parent's death."""
        descriptor, self._descriptor = self._descriptor, None
        self._threads = threading.Lock()
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> int:
        try:
            return os.open(self.path, FLAGS)
        except OSError:
            create_private(self.path)  # it is missing, or this says what is wrong with it
            return os.open(self.path, FLAGS)

    def _wait(self, descriptor: int, patience: float) -> None:
        deadline = _clock.seconds() + patience
        wait = FIRST_WAIT
        while not _locked(descriptor):
            if _clock.seconds() >= deadline:
                raise StoreBusy(f"{self.path} is held by another process")
            self._pause.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _release(self, descriptor: int) -> None:
        # A child forked during the turn has closed its copy and forgotten it; it has nothing to give back.
        if self._descriptor == descriptor:
            self._descriptor = None
            if fcntl:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        if fcntl:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True
