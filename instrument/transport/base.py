"""The narrow waist between what is sent and how it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import attrs

__all__ = ["Answer", "Outcome", "Transport"]

Outcome = Literal["accepted", "later", "refused", "unreachable"]


@attrs.frozen
class Answer:
    """What became of one body.

    `accepted`: it has been taken. `later`: the other side is there and does not want it now. `refused`: it will never
    be taken as it is. `unreachable`: nobody answered; the body may have arrived all the same.
    """

    outcome: Outcome
    status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    """Names in lower case."""
    body: bytes = b""
    """At most 64 KB of it."""
    detail: str = ""
    """One line for a log. Never holds a key or a password."""
    left_out: tuple[int, ...] = ()
    """Of an accepted body the positions of records that were not taken and never will be."""


class Transport(Protocol):
    """Sends one body at a time, from one thread. `send` raises nothing for a fault of the network or the other side."""

    def send(self, body: bytes) -> Answer:
        """Send `body` and wait for the answer, for a bounded time."""
        ...

    def close(self) -> None:
        """Break off a send that runs in another thread, and let go of connections. A later send opens new ones."""
        ...
