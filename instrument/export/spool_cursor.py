"""Which record of a lane is the first unfinished one, kept in a file that survives being torn.

    slot = u64 generation | u64 segment number | u64 offset | u32 crc32

Two slots are written in turn, each with one call. The newest sound one counts; with none, everything is sent again.
"""

from __future__ import annotations

import struct
from typing import Final
from zlib import crc32

from .descriptors import close
from .spool_folder import Folder, read_at, write_at

__all__ = ["Cursor"]

SLOT_BYTES: Final = 32
_slot = struct.Struct("<QQQ")
_checksum = struct.Struct("<I")


class Cursor:
    """The cursor of one lane. A file that cannot be read or written costs copies, not records."""

    __slots__ = ("_descriptor", "_folder", "_generation", "_name")

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._descriptor = -1
        self._generation = 0

    def load(self) -> tuple[int, int]:
        """The segment's number and the offset in it; zeros when nothing was finished."""
        try:
            self._descriptor = self._folder.open(self._name)
            content = read_at(self._descriptor, 2 * SLOT_BYTES, 0)
        except OSError:
            return 0, 0
        best = 0, 0, 0
        for start in (0, SLOT_BYTES):
            slot, checksum = content[start : start + _slot.size], content[start + _slot.size :][: _checksum.size]
            if checksum == _checksum.pack(crc32(slot)) and len(slot) == _slot.size:
                best = max(best, _slot.unpack(slot))
        self._generation, number, offset = best
        return number, offset

    def move(self, number: int, offset: int) -> None:
        """Everything before `offset` of this segment is finished."""
        self._generation += 1
        slot = _slot.pack(self._generation, number, offset)
        try:
            if self._descriptor < 0:
                self._descriptor = self._folder.open_or_create(self._name)
            write_at(self._descriptor, slot + _checksum.pack(crc32(slot)), SLOT_BYTES * (self._generation % 2))
        except OSError:
            pass

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        close(descriptor)

    def remove(self) -> None:
        """Close the file and delete it."""
        self.close()
        try:
            self._folder.unlink(self._name)
        except OSError:
            pass
