"""What waits in the spool, of living and of dead processes, as a look from outside shows it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs

from .._books import Books
from ..export import FileSpool, Kind, Source
from ..options import Options, state_folder

__all__ = ["Heap", "Waiting", "folder_name", "left_by_the_dead", "size", "spool_folder", "survey"]

PROCESS: Final = re.compile(r"([0-9]+)-[0-9a-f]{17,}")
DESTINATION: Final = re.compile(r"[0-9a-f]{16}")
MOST_FOLDERS: Final = 10_000
MOST_COUNTED: Final = 50
"""Folders whose records are counted: each of them takes some descriptors."""
KINDS: Final[tuple[Kind, ...]] = ("error", "transaction")


@attrs.frozen
class Heap:
    """What one process has in the spool."""

    path: Path
    is_dead: bool
    bytes: int
    """Of its files; those of a living process may hold what has been delivered already."""
    changed: float
    """When it was written to last: Unix seconds."""

    @property
    def destination(self) -> str:
        """The name of the folder that it shares with others of the same destination."""
        return self.path.parent.name


@attrs.frozen
class Waiting:
    """What dead processes left for one destination."""

    folders: int = 0
    errors: int = 0
    transactions: int = 0
    is_all: bool = True
    """Whether there were not too many folders to count."""

    @property
    def records(self) -> int:
        """All that is to be delivered."""
        return self.errors + self.transactions

    def told(self) -> str:
        """The records in words."""
        if not self.records:
            return "no whole record"
        words = [_quantity(self.transactions, "transaction"), _quantity(self.errors, "error")]
        return ("" if self.is_all else "at least ") + " and ".join(word for word in words if word[:2] != "0 ")


def spool_folder(options: Options) -> Path:
    """Where the spool is."""
    return (options.spool_dir or state_folder() / "spool").absolute()


def folder_name(key: str) -> str:
    """The folder of a destination in the spool, whose name does not tell the destination."""
    return hashlib.sha256(key.encode(errors="backslashreplace")).hexdigest()[:16]


def survey(root: Path) -> list[Heap]:
    """Every process that has something in the spool, whose ever destination it is for. Takes nothing away."""
    return sorted(_heaps(root), key=lambda heap: heap.changed)


def left_by_the_dead(root: Path, key: str) -> Waiting:
    """Count what dead processes left for the destination that the spool knows by `key`. Takes nothing away."""
    spool = FileSpool(root, key, books=Books())
    taken: list[Source] = []
    try:
        while len(taken) < MOST_COUNTED and (one := spool.adopt()) is not None:
            taken.append(one)
        errors, transactions = (sum(one.pending(kind)[0] for one in taken) for kind in KINDS)
    finally:
        for source in taken:
            source.close()
        spool.close()
    return Waiting(len(taken), errors, transactions, len(taken) < MOST_COUNTED)


def size(count: int) -> str:
    """Bytes, in words."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} bytes"


def _heaps(root: Path) -> Iterator[Heap]:
    left = MOST_FOLDERS
    for destination in _folders(root):
        if DESTINATION.fullmatch(destination.name):
            for folder in _folders(Path(destination.path)):
                if PROCESS.fullmatch(folder.name) and left:
                    left -= 1
                    yield from _heap(Path(folder.path))


def _folders(path: Path) -> Iterable[os.DirEntry[str]]:
    try:
        return [entry for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _heap(path: Path) -> Iterator[Heap]:
    try:
        files = [entry.stat(follow_symlinks=False) for entry in os.scandir(path) if entry.name.endswith(".log")]
        dead = _is_dead(path / "lock")
    except OSError:
        return  # gone by now, or not for us
    total = sum(file.st_size for file in files)
    if total:
        yield Heap(path, dead, total, max(file.st_mtime for file in files))


def _is_dead(lock: Path) -> bool:
    """Whether nobody holds the lock. Windows lets nobody ask; there everybody counts as alive."""
    try:
        import fcntl
    except ImportError:
        return False
    descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _quantity(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
