"""One folder of the spool with its lock held: the own one of a process, or one that a dead process left."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from .descriptors import close
from .record import LEAST_FIRST, Kind
from .spool_books import Loss
from .spool_folder import LOCK, Folder
from .spool_lane import Lane

__all__ = ["ATTEMPTS", "Home"]

ATTEMPTS: Final = "attempts"


class Home:
    """A locked folder and its lanes. The lock is let go by `close`, or by the death of the process."""

    def __init__(
        self,
        parent: Folder,
        folder: Folder,
        lock: int,
        *,
        lose: Loss,
        segment_bytes: int = 0,
        make_room: Callable[[], bool] | None = None,
    ) -> None:
        self.process = os.getpid()
        self.folder = folder
        self.parent = parent
        self.lock = lock
        self.lanes: dict[str, Lane] = {
            kind: Lane(folder, kind, lose=lose, segment_bytes=segment_bytes, make_room=make_room)
            for kind in LEAST_FIRST
        }

    def done(self, kind: Kind, count: int) -> None:
        """The first `count` records that the last read of the lane gave are finished."""
        self.lanes[kind].done(count)

    def pending(self, kind: Kind) -> tuple[int, int]:
        """How many records of a kind are unfinished, and spans in them."""
        return self.lanes[kind].pending()

    def evict(self, kind: Kind) -> int:
        """Let the oldest segment of a kind go, with all that is unfinished in it; how many bytes that frees."""
        lane = self.lanes[kind]
        freed = lane.evict()
        if not freed:
            lane.seal()
            freed = lane.evict()
        return freed

    def bytes(self) -> int:
        """About how much disk the folder takes."""
        return sum(lane.bytes() for lane in self.lanes.values())

    @property
    def is_gone(self) -> bool:
        """Whether somebody removed the folder while we worked in it."""
        return not self.folder.holds(LOCK, self.lock)

    @property
    def is_drained(self) -> bool:
        """Whether nothing unfinished is left and nobody can write to it."""
        return all(lane.is_drained for lane in self.lanes.values())

    def leave(self) -> None:
        """Remove the folder when it is drained, else leave it for another process."""
        for lane in self.lanes.values():
            lane.take_back()
            lane.seal()
        if self.is_drained:
            self.remove()
        else:
            self.close()

    def remove(self) -> None:
        """Delete what is ours in the folder, and the folder when nothing else is in it; then close."""
        for lane in self.lanes.values():
            lane.remove()
        try:
            for name in (ATTEMPTS, LOCK):
                self.folder.unlink(name)
            self.parent.rmdir(self.folder.path.name)
        except OSError:
            pass
        self.close()

    def close(self) -> None:
        """Let go of every file, the lock last."""
        for lane in self.lanes.values():
            lane.close()
        self._close_folders()

    def close_in_child(self) -> None:
        """Close, by number, what a fork copied. The parent's lock stays the parent's."""
        for lane in self.lanes.values():
            lane.close_in_child()
        self._close_folders()

    def _close_folders(self) -> None:
        self.folder.close()
        self.parent.close()
        lock, self.lock = self.lock, -1
        close(lock)
