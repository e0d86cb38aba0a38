"""Numbers of open files that outlast a program which closes what it did not open.

Some programs close every descriptor on their way to become a daemon. The system then gives our number to the next file
that the program opens, and a record of ours would be written into it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

try:
    import fcntl
except ImportError:  # Windows

    def aside(descriptor: int) -> int:
        """The same number, as there is no way to choose another."""
        return descriptor

else:

    def aside(descriptor: int) -> int:
        """Move an open file to a high number, which nobody gets by chance."""
        try:
            high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST)
        except OSError:
            return descriptor
        os.close(descriptor)
        return high


__all__ = ["aside", "close"]

FIRST: Final = 200


def close(descriptor: int, _close: Callable[[int], None] = os.close) -> None:
    """Close an open file, by number; a negative number is none, and it may be closed already."""
    if descriptor >= 0:
        try:
            _close(descriptor)
        except OSError:
            pass
