"""The files of one kind of record in one folder: appended at one end by any thread, read and finished at the other.

    transaction-00000001.log, transaction-00000002.log, ...    frames, in segments of a few megabytes
    transaction.cursor                                         which record is the first unfinished one

A segment is deleted when all of it is finished. It is open for writing as long as anybody holds its `Writer`.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from .. import _guard
from .descriptors import close
from .frames import Frame, encode, is_of_another_version, scan
from .record import Kind, Record
from .spool_books import Loss
from .spool_cursor import Cursor
from .spool_folder import Folder, Refused, read_at
from .spool_segment import Segment, Writer

__all__ = ["Lane"]

SEGMENT_NAME: Final = re.compile(r"(transaction|error|report)-([0-9]{8,18})\.log")
MAX_FILE: Final = 96 * 1024 * 1024
"""No segment of ours grows so large."""
DAMAGED: Final = "internal_sdk_error"
APPENDING: Final = os.O_RDWR | os.O_APPEND


class Lane:
    """One kind of record in one folder. `append` may be called by any thread; the rest by one at a time."""

    def __init__(
        self,
        folder: Folder,
        kind: Kind,
        *,
        lose: Loss,
        segment_bytes: int = 0,
        make_room: Callable[[], bool] | None = None,
    ) -> None:
        self.kind = kind
        self.segment_bytes = segment_bytes
        self.writer: Writer | None = None
        self.segments: list[Segment] = []
        self._folder = folder
        self._own = make_room is not None
        self._make_room = make_room
        self._lose = lose
        self._numbers = itertools.count(1)
        self._sequences = itertools.count()
        self._out: deque[tuple[Segment, Frame]] = deque()
        self._offset = 0
        self._reading: tuple[Segment, int] | None = None
        self._cursor = Cursor(folder, f"{kind}.cursor")
        self._counted: tuple[int, int] | None = None
        if not self._own:
            self._load()

    def append(self, record: Record, time: int) -> bool:
        """Write one frame with one call; false when only a part of it found room. Raises `OSError`."""
        writer = self.writer
        if writer is None or writer.size >= self.segment_bytes:
            writer = self.rotate()
        try:
            frame = encode(record, next(self._sequences), time, is_packed=writer.is_packed)
            written = os.write(writer.descriptor, frame)
            writer.size += written
            if written != len(frame):
                # The part stays where it is, as others may have written behind it; reading passes over it.
                self.writer = None
                return False
            writer.added.append(record.spans)
            return True
        finally:
            # A traceback that somebody keeps must not keep the segment open.
            del writer

    def rotate(self) -> Writer:
        """Begin a new segment. Two threads at once begin two, which does no harm."""
        is_packed = self._make_room is not None and self._make_room()
        number = next(self._numbers)
        name = f"{self.kind}-{number:08d}.log"
        segment = Segment(name, number, 0)
        writer = Writer(self._folder.create(name, APPENDING), segment.added, is_packed)
        segment.writer = weakref.ref(writer)
        self.segments.append(segment)
        self.writer = writer
        return writer

    def read(self, max_records: int, max_bytes: int, expired: int) -> list[Record]:
        """The oldest unfinished records; those that were made before `expired` are lost at the head of the lane."""
        self.take_back()
        records: list[Record] = []
        size = 0
        for segment in list(self.segments):
            # Asked before reading: what is added while we read must not be taken for the end.
            sealed = segment.is_sealed
            for frame in self._frames(segment):
                if not records and frame.time < expired:
                    self._lose(self.kind, "cache_overflow", 1, frame.record.spans)
                    self._finish(segment, frame)
                    continue
                size += len(frame.record.payload)
                if records and (size > max_bytes or len(records) >= max_records):
                    return records
                self._out.append((segment, frame))
                records.append(frame.record)
            if not sealed:
                break
            if not records and segment in self.segments:
                self._remove(segment)
        return records

    def done(self, count: int) -> None:
        """The first `count` records that `read` gave are finished."""
        for _ in range(min(count, len(self._out))):
            self._finish(*self._out.popleft())
        if self.segments:
            self._cursor.move(self.segments[0].number, self._offset)

    def pending(self) -> tuple[int, int]:
        """How many unfinished records there are, and spans in them."""
        if self._own:
            for segment in self.segments:
                segment.count()
            return sum(segment.records for segment in self.segments), sum(segment.spans for segment in self.segments)
        if self._counted is None:
            spans = [frame.record.spans for frame in self.unfinished()]
            self._counted = len(spans), sum(spans)
        return self._counted

    def unfinished(self) -> Iterator[Frame]:
        """The unfinished records as they lie in the files, oldest first."""
        for segment in list(self.segments):
            yield from self._frames(segment)

    @property
    def is_drained(self) -> bool:
        """Whether nothing unfinished is left and nobody can write to it."""
        if any(not segment.is_sealed for segment in self.segments):
            return False
        return not self.pending()[0] if self._own else next(self.unfinished(), None) is None

    def bytes(self) -> int:
        """About how much disk the lane takes."""
        return sum(_size(segment) for segment in list(self.segments))

    def seal(self) -> None:
        """Let go of the segment that is being written."""
        self.writer = None

    def evict(self) -> int:
        """Remove the oldest sealed segment with all that is unfinished in it; how many bytes that frees."""
        for segment in self.segments:
            if segment.is_sealed:
                out = [frame.record.spans for owner, frame in self._out if owner is segment]
                if not self._own:
                    lost = [frame.record.spans for frame in self._frames(segment)]
                    self._lose(self.kind, "cache_overflow", len(lost), sum(lost))
                self._remove(segment, "cache_overflow", len(out), sum(out))
                return max(1, segment.size)
        return 0

    def take_back(self) -> None:
        """What was read last is still to be finished; but what was evicted in the meantime is lost."""
        gone = [frame.record.spans for segment, frame in self._out if segment not in self.segments]
        self._out.clear()
        if gone:
            self._lose(self.kind, "cache_overflow", len(gone), sum(gone))

    def salvage(self) -> Iterator[Record]:
        """What can still be read of files that somebody removed: the open segment's records. All others are lost."""
        self.take_back()
        current = self.writer  # kept until the end: closing it would be the end of the file
        self.writer = None
        for segment in list(self.segments):
            writer = segment.open_writer()
            if writer is not None:
                offset = self._offset if segment is self.segments[0] else 0
                size = os.fstat(writer.descriptor).st_size
                for frame in scan(_reader(writer.descriptor), offset, size):
                    self._finish(segment, frame)
                    yield frame.record
            if segment in self.segments:
                self._remove(segment)
        del current

    def remove(self) -> None:
        """Delete all files of the lane."""
        for segment in list(self.segments):
            self._remove(segment)
        self.close()
        self._cursor.remove()

    def close(self) -> None:
        """Close what reading opened, and let go of the writer."""
        self.writer = None
        self._stop_reading()
        self._cursor.close()

    def close_in_child(self) -> None:
        """Close, by number, every descriptor that a fork copied."""
        for segment in self.segments:
            writer = segment.open_writer()
            if writer is not None:
                writer.close()
        self.close()

    def _frames(self, segment: Segment) -> Iterator[Frame]:
        descriptor = self._open(segment)
        if descriptor is None:
            return
        offset = self._offset if segment is self.segments[0] else 0
        size = os.fstat(descriptor).st_size
        yield from scan(_reader(descriptor), offset, size)

    def _open(self, segment: Segment) -> int | None:
        if self._reading is not None and self._reading[0] is segment:
            return self._reading[1]
        self._stop_reading()
        try:
            descriptor = self._folder.open(segment.name, os.O_RDONLY)
        except (FileNotFoundError, Refused):
            return None
        self._reading = segment, descriptor
        return descriptor

    def _stop_reading(self) -> None:
        if self._reading is not None:
            (_, descriptor), self._reading = self._reading, None
            close(descriptor)

    def _finish(self, segment: Segment, frame: Frame) -> None:
        """One record, and all that lies before it, is finished."""
        if segment not in self.segments:
            return
        while self.segments[0] is not segment:
            self._remove(self.segments[0])
        self._offset = frame.end
        sealed = segment.is_sealed
        segment.count()
        segment.records -= 1
        segment.spans -= frame.record.spans
        if self._counted is not None:
            self._counted = self._counted[0] - 1, self._counted[1] - frame.record.spans
        if frame.lost and not self._own:
            self._lose(self.kind, DAMAGED, frame.lost, 0)
        if sealed and (segment.records == 0 if self._own else frame.end >= segment.size):
            self._remove(segment)

    def _remove(self, segment: Segment, reason: str = DAMAGED, out: int = 0, out_spans: int = 0) -> None:
        """Delete a segment; whatever was acknowledged in it, is not finished and not `out` either, is lost."""
        segment.count()
        if self._own and segment.records > out:
            self._lose(self.kind, reason, segment.records - out, segment.spans - out_spans)
        elif not self._own and reason is DAMAGED and self._offset < segment.size:
            self._lose(self.kind, reason, 1, 0)
        if self._reading is not None and self._reading[0] is segment:
            self._stop_reading()
        if segment is self.segments[0]:
            self._offset = 0
        self.segments.remove(segment)
        try:
            self._folder.unlink(segment.name)
        except OSError:
            pass

    def _load(self) -> None:
        for name in sorted(self._folder.names(), key=lambda name: (len(name), name)):
            match = SEGMENT_NAME.fullmatch(name)
            if match is None or match[1] != self.kind:
                continue
            try:
                descriptor = self._folder.open(name, os.O_RDONLY)
            except OSError as error:
                _guard.say("spool file", f"a file of the spool is left alone: {error}")
                continue
            try:
                size = os.fstat(descriptor).st_size
                if size > MAX_FILE:
                    _guard.say("spool file", f"a file of the spool is left alone: {name} is too large to be one")
                elif not is_of_another_version(_reader(descriptor), size):
                    self.segments.append(Segment(name, int(match[2]), size))
            finally:
                close(descriptor)
        number, offset = self._cursor.load()
        for segment in self.segments:
            if segment.number == number:
                # Its offset holds for this segment alone, so it comes first.
                self.segments.remove(segment)
                self.segments.insert(0, segment)
                self._offset = offset
                break


def _reader(descriptor: int) -> Callable[[int, int], bytes]:
    def read(size: int, offset: int) -> bytes:
        try:
            return read_at(descriptor, size, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""  # what the disk cannot read any more is damaged like any other

    return read


def _size(segment: Segment) -> int:
    writer = segment.open_writer()
    if writer is not None:
        segment.size = writer.size
    return segment.size
