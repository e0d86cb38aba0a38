"""One file of a lane: appended to by any thread, and closed when the last of them lets go of it."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable

from .descriptors import close

__all__ = ["Segment", "Writer"]


class Writer:
    """The open end of a segment. The descriptor is closed when the last thread that writes to it lets go."""

    __slots__ = ("__weakref__", "added", "descriptor", "is_packed", "size")

    def __init__(self, descriptor: int, added: deque[int], is_packed: bool) -> None:
        self.descriptor = descriptor
        self.added = added
        self.is_packed = is_packed
        self.size = 0
        """About how many bytes were written; threads may overwrite each other's sum."""

    def close(self, _close: Callable[[int], None] = close) -> None:
        """Close the descriptor, by number."""
        descriptor, self.descriptor = self.descriptor, -1
        _close(descriptor)

    __del__ = close


class Segment:
    """One file of a lane, and what this process knows about it."""

    __slots__ = ("added", "name", "number", "records", "size", "spans", "writer")

    def __init__(self, name: str, number: int, size: int) -> None:
        self.name = name
        self.number = number
        self.size = size
        self.added: deque[int] = deque()
        """The spans of each record that was written and not yet counted below."""
        self.records = 0
        """How many unfinished records were acknowledged; meaningless in a folder of another process."""
        self.spans = 0
        self.writer: weakref.ref[Writer] | None = None

    @property
    def is_sealed(self) -> bool:
        """Whether nobody can write to it any more."""
        return self.open_writer() is None

    def open_writer(self) -> Writer | None:
        """The end that somebody holds open."""
        return None if self.writer is None else self.writer()

    def count(self) -> None:
        """Take in what was added."""
        while self.added:
            self.spans += self.added.popleft()
            self.records += 1
