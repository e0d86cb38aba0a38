"""A lock on an open file that the system releases when the process dies."""

from __future__ import annotations

import os
import sys

__all__ = ["is_held", "try_lock"]

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock the open file for this process without waiting; false when another one has it."""
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def is_held(descriptor: int) -> bool:
        """Whether somebody holds the lock. Nobody else can take it for the moment that asking takes."""
        if not try_lock(descriptor):
            return True
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return False

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock the open file for this process without waiting; false when another one has it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def is_held(descriptor: int) -> bool:
        """Whether somebody holds the lock. Nobody else can take it for the moment that asking takes."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False
