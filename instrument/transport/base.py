"""The narrow waist between what is sent and how it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from .._value import Value, made

__all__ = ["Answer", "Outcome", "Transport"]

Outcome = Literal["accepted", "later", "refused", "unreachable"]


class Answer(Value):
    """What became of one body.

    `accepted`: it has been taken. `later`: the other side is there and does not want it now. `refused`: it will never
    be taken as it is. `unreachable`: nobody answered; the body may have arrived all the same.
    """

    outcome: Outcome
    status: int | None = None
    headers: Mapping[str, str] = made(dict)
    """Names in lower case."""
    body: bytes = b""
    """At most 64 KB of it."""
    detail: str = ""
    """One line for a log. Never holds a key or a password."""
    left_out: tuple[int, ...] = ()
    """Of an accepted body the positions of records that were not taken and never will be."""
    spans_refused: int = 0
    """Of an accepted body how many spans were not taken and never will be, where nobody says which."""
    remark: str = ""
    """What is to be said of an accepted body, on one line."""
    is_final: bool = False
    """Whether a refused body must not be sent again in parts either."""


class Transport(Protocol):
    """Sends one body at a time, from one thread. `send` raises nothing for a fault of the network or the other side."""

    def send(self, body: bytes) -> Answer:
        """Send `body` and wait for the answer, for a bounded time."""
        ...

    def close(self) -> None:
        """Break off a send that runs in another thread, and let go of connections. A later send opens new ones."""
        ...
