"""What waits in the spool, of living and of dead processes, as a look from outside shows it."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from .._value import Value, evolve, made
from .adoption import FOLDER_NAME
from .descriptors import close
from .file_lock import is_held
from .record import LEAST_FIRST, Kind
from .spool_folder import LOCK, Folder, Refused
from .spool_lane import Lane

__all__ = ["Heap", "survey"]

DESTINATION: Final = re.compile(r"[0-9a-f]{16}")
MOST_FOLDERS: Final = 10_000


class Heap(Value):
    """What one process has in the spool. Of a living one it may have changed by now."""

    path: Path
    is_dead: bool
    bytes: int = 0
    """Of its files; some of that may have been delivered already."""
    records: Mapping[Kind, int] = made(dict)
    """How many records of each kind wait to be delivered."""
    spans: Mapping[Kind, int] = made(dict)
    """How many spans are in them."""
    oldest: float | None = None
    """When the oldest of them was made: Unix seconds."""
    trouble: str = ""
    """Why the folder is left alone, and was not looked into."""

    @property
    def destination(self) -> str:
        """The name of the folder that it shares with others of the same destination."""
        return self.path.parent.name


def survey(root: Path, destination: str | None = None) -> list[Heap]:
    """Every process that has something in the spool, oldest first; or only those with this folder of a destination.

    Takes nothing away, and holds no lock longer than it takes to ask whether somebody else does.
    """
    heaps = itertools.islice(_heaps(root, destination), MOST_FOLDERS)
    return sorted(heaps, key=lambda heap: heap.oldest or 0.0)


def _heaps(root: Path, only: str | None) -> Iterator[Heap]:
    for destination in _names(root) if only is None else [only]:
        if DESTINATION.fullmatch(destination):
            for name in _names(root / destination):
                if FOLDER_NAME.fullmatch(name):
                    heap = _heap(root / destination / name)
                    if heap is not None:
                        yield heap


def _names(path: Path) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _heap(path: Path) -> Heap | None:
    """`None` when there is nothing in it, or it is gone by now."""
    try:
        with Folder.at(path, make=False, writable_by_others=0o077) as folder:
            size = sum(folder.stat(name).st_size for name in folder.names() if name.endswith(".log"))
            if not size:
                return None
            return _counted(folder, Heap(path, _is_dead(folder), size))
    except Refused as error:
        return Heap(path, is_dead=False, trouble=error.strerror or "")
    except OSError:
        return None


def _is_dead(folder: Folder) -> bool:
    try:
        lock = folder.open(LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return not is_held(lock)
    finally:
        close(lock)


def _counted(folder: Folder, heap: Heap) -> Heap:
    records: dict[Kind, int] = dict.fromkeys(LEAST_FIRST, 0)
    spans: dict[Kind, int] = dict.fromkeys(LEAST_FIRST, 0)
    oldest: list[float] = []
    for kind in LEAST_FIRST:
        lane = Lane(folder, kind, lose=_nobody_cares)
        try:
            for frame in lane.unfinished():
                if not records[kind]:
                    oldest.append(frame.time / 1e9)
                records[kind] += 1
                spans[kind] += frame.record.spans
        finally:
            lane.close()
    return evolve(heap, records=records, spans=spans, oldest=min(oldest, default=None))


def _nobody_cares(kind: str, reason: str, records: int, spans: int) -> None:
    """Whoever delivers the rest counts the loss."""
