"""What a server refused for good, kept for whoever wants to know why."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .. import _clock
from .record import Record
from .spool_folder import Folder

__all__ = ["Rejects"]

MOST_BYTES: Final = 10 * 1024 * 1024


class Rejects:
    """The folder `rejected` beside the folders of processes: one private file a record, up to `most_bytes` in all.

    `own` gives the folder of this process, if it has one on disk.
    """

    def __init__(self, own: Callable[[], Path | None], most_bytes: int = MOST_BYTES) -> None:
        self._own = own
        self._most_bytes = most_bytes

    def keep(self, record: Record) -> bool:
        """Write the record down, if there is room and the disk plays along. Whether it was written."""
        try:
            return self._keep(record)
        except OSError:
            return False

    def _keep(self, record: Record) -> bool:
        own = self._own()
        if own is None:
            return False
        path = own.parent / "rejected"
        used = sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(path)) if path.is_dir() else 0
        if used + len(record.payload) > self._most_bytes:
            return False
        folder = Folder.at(path, make=True, writable_by_others=0o077)
        try:
            file = folder.create(f"{_clock.wall()}-{os.getpid()}.{record.kind}", os.O_WRONLY)
            try:
                os.write(file, record.payload)
            finally:
                os.close(file)
        finally:
            folder.close()
        return True
