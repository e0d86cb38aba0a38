"""The destination that writes one event of the Sentry protocol a line."""

from __future__ import annotations

import os

from ..recording import Event
from ..transport import FileTransport
from ..wire import EventCodec

__all__ = ["JsonLines"]


class JsonLines:
    """Appends each item to the file at `path` as one line of JSON, with one write, so many processes may share it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = FileTransport(path)
        self._codec = EventCodec()

    def export(self, item: Event) -> None:
        """Write `item` down. Raises `OSError` when the file does not take it."""
        answer = self._file.send(b"".join([record + b"\n" for _, record in self._codec.records(item)]))
        if answer.outcome != "accepted":
            raise OSError(answer.detail)

    def flush(self, timeout: float | None = None) -> bool:
        """Always true: what was given is in the file."""
        return True

    def close(self, timeout: float | None = None) -> bool:
        """Close the file."""
        self._file.close()
        return True
