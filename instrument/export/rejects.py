"""What a server refused for good, kept for whoever wants to know why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .. import _clock
from .record import Record
from .spool_folder import Folder

__all__ = ["Rejects"]

MOST_BYTES: Final = 10 * 1024 * 1024


class Rejects:
    """The folder `rejected` in a destination's folder: one private file a record, up to `most_bytes` in all."""

    def __init__(self, destination: Path, most_bytes: int = MOST_BYTES) -> None:
        self._destination = destination
        self._most_bytes = most_bytes

    def keep(self, record: Record) -> bool:
        """Write the record down, if there is room and the disk plays along. Whether it was written."""
        try:
            return self._keep(record)
        except OSError:
            return False

    def _keep(self, record: Record) -> bool:
        path = self._destination
        with (
            Folder.at(path.parent, make=True) as root,
            root.folder(path.name, make=True) as destination,
            destination.folder("rejected", make=True) as folder,
        ):
            used = sum(folder.stat(name).st_size for name in folder.names())
            if used + len(record.payload) > self._most_bytes:
                return False
            file = folder.create(f"{_clock.wall()}-{os.getpid()}.{record.kind}", os.O_WRONLY)
            try:
                os.write(file, record.payload)
            finally:
                os.close(file)
        return True
