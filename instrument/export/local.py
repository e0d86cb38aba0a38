"""The local store as something that bodies are sent to."""

from __future__ import annotations

from pathlib import Path

from ..transport import Answer

__all__ = ["StoreTransport"]


class StoreTransport:
    """Writes bodies, one event a line, into the store at `path`. The database is opened by the first body.

    It is made in `init`, where it imports SQLite: the sender's thread must import nothing.
    """

    def __init__(self, path: Path, *, max_bytes: int, max_age: float) -> None:
        from ..store import StoreBusy, StoreError, Writer

        self._busy, self._failure = StoreBusy, StoreError
        self._writer = Writer(path, max_bytes=max_bytes, max_age=max_age)

    def send(self, body: bytes) -> Answer:
        """Write all events of `body`, or none: a store that is busy or broken is asked again later.

        What is no event is left out, and the answer says so.
        """
        try:
            left_out = self._writer.write(body.split(b"\n"))
        except self._busy as error:
            return Answer("later", detail=str(error))
        except self._failure as error:
            return Answer("unreachable", detail=str(error))
        return Answer("accepted", detail="is no event" if left_out else "", left_out=left_out)

    def close(self) -> None:
        """Let go of the database; the next body opens it again."""
        self._writer.close()
