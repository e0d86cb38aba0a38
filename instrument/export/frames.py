"""How a record looks in a file of the spool, and how sound records are found again among damaged bytes.

    frame = "iTx1" | u32 length | u32 crc32 | u64 sequence | i64 time | u32 spans | u8 kind | payload

Numbers are little-endian; `length` is the payload's, `time` is nanoseconds since 1970-01-01 UTC, and the checksum
covers everything after itself. The highest bit of `kind` says that the payload is packed (raw deflate). A write that
was cut short, a flipped bit or foreign bytes cost the frames they touch and no other: the reader goes on at the next
mark whose checksum holds.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from zlib import crc32

from .record import Kind, Record

__all__ = ["HEADER_BYTES", "Frame", "encode", "is_of_another_version", "scan"]

MARK: Final = b"iTx1"
FAMILY: Final = b"iTx"
MAX_PAYLOAD: Final = 64 * 1024 * 1024
"""Of a payload, packed or not."""
CHUNK: Final = 64 * 1024
PACKED: Final = 0x80
CODES: Final[dict[Kind, int]] = {"transaction": 1, "error": 2, "report": 3}
KINDS: Final[dict[int, Kind]] = {code: kind for kind, code in CODES.items()}

_prefix = struct.Struct("<4sII")
_checked = struct.Struct("<QqIB")
_header = struct.Struct(_prefix.format + _checked.format[1:])
HEADER_BYTES: Final = _header.size

ReadAt = Callable[[int, int], bytes]
"""`(size, offset)` in, at most `size` bytes out: `os.pread` of one file."""


class Frame(NamedTuple):
    """A sound frame and where it was found."""

    record: Record
    sequence: int
    time: int
    end: int
    """The offset of the byte after it."""
    lost: int
    """How many records the damaged bytes in front of it seem to have held; 0 when there are none."""


def encode(record: Record, sequence: int, time: int, *, is_packed: bool = False) -> bytes:
    """The frame of `record`; its payload packed, if that is wanted and makes it smaller."""
    payload, code = record.payload, CODES[record.kind]
    if is_packed:
        packed = _pack(payload)
        if len(packed) < len(payload):
            payload, code = packed, code | PACKED
    checked = _checked.pack(sequence, time, record.spans, code)
    return _prefix.pack(MARK, len(payload), crc32(payload, crc32(checked))) + checked + payload


def scan(read_at: ReadAt, offset: int, size: int) -> Iterator[Frame]:
    """Yield the sound frames between `offset` and `size`, the bytes that the file has."""
    window = _Window(read_at, size)
    patience = 8 * size
    end, sequence = offset, -1
    position: int | None = offset
    while position is not None:
        header = window.get(position, HEADER_BYTES)
        if header[: len(MARK)] != MARK:
            position = window.find(position)
            continue
        frame_end = position + HEADER_BYTES + int.from_bytes(header[4:8], "little")
        if len(header) == HEADER_BYTES and frame_end <= size:
            frame = _decode(header, window.get(position + HEADER_BYTES, frame_end - position - HEADER_BYTES), frame_end)
            if frame is not None:
                if position != end:
                    frame = frame._replace(lost=max(1, frame.sequence - sequence - 1) if sequence >= 0 else 1)
                yield frame
                end, sequence, position = frame.end, frame.sequence, frame.end
                continue
            # Made-up headers could have the same bytes checked again and again.
            patience -= frame_end - position
            if patience < 0:
                return
        position = window.find(position + 1)


def is_of_another_version(read_at: ReadAt, size: int) -> bool:
    """Whether a file was written by a version of the library with another format: not one frame in it is ours."""
    head = read_at(len(MARK), 0)
    return head[:3] == FAMILY and head != MARK and head[3:].isdigit() and next(scan(read_at, 0, size), None) is None


def _decode(header: bytes, payload: bytes, end: int) -> Frame | None:
    _, length, checksum, sequence, time, spans, code = _header.unpack(header)
    if length > MAX_PAYLOAD or crc32(payload, crc32(header[_prefix.size :])) != checksum:
        return None
    kind = KINDS.get(code & ~PACKED)
    content = _unpack(payload) if code & PACKED else payload
    if kind is None or content is None:
        return None
    return Frame(Record(kind, spans, content), sequence, time, end, 0)


def _pack(payload: bytes) -> bytes:
    # A window of 8 KB is as good for what we have, and makes less work than the 256 KB of zlib's defaults.
    packer = zlib.compressobj(1, zlib.DEFLATED, -13, 5)
    return packer.compress(payload) + packer.flush()


def _unpack(packed: bytes) -> bytes | None:
    """`None` when it is damaged, goes on after its end, or would be larger than any payload of ours."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        payload = unpacker.decompress(packed, MAX_PAYLOAD)
    except zlib.error:
        return None
    return payload if unpacker.eof and not unpacker.unused_data else None


class _Window:
    """A file seen through one chunk at a time."""

    __slots__ = ("_data", "_read_at", "_size", "_start")

    def __init__(self, read_at: ReadAt, size: int) -> None:
        self._read_at = read_at
        self._size = size
        self._data = b""
        self._start = 0

    def get(self, position: int, length: int) -> bytes:
        """`length` bytes at `position`, fewer at the end of the file."""
        low = position - self._start
        held = len(self._data)
        if low < 0 or (low + length > held and self._start + held < self._size):
            self._data = self._read_at(min(max(length, CHUNK), self._size - position), position)
            self._start = position
            low = 0
        return self._data[low : low + length]

    def find(self, position: int) -> int | None:
        """The offset of the first mark at or after `position`."""
        while len(self.get(position, len(MARK))) == len(MARK):
            hit = self._data.find(MARK, position - self._start)
            if hit >= 0:
                return self._start + hit
            position = self._start + len(self._data) - len(MARK) + 1
        return None
