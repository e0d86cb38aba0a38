"""What a codec is."""

from __future__ import annotations

from typing import Protocol

from ..recording import Event

__all__ = ["Codec"]


class Codec(Protocol):
    """Turns items into records, once, in the thread that captured them, and records into the body of one request."""

    @property
    def content_type(self) -> str:
        """The media type of a body."""

    @property
    def max_records(self) -> int:
        """How many records one body may hold."""

    def records(self, item: Event) -> list[tuple[int, bytes]]:
        """One item as records that may be kept, and sent at any later time; and how many spans each holds.

        It is one record but for a transaction with more spans than the other side takes at once.
        """

    def join(self, records: list[bytes]) -> bytes:
        """The body of one request, to be sent now."""
