"""A transport that keeps bodies in a list, for tests of what stands before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from .base import Answer

__all__ = ["MemoryTransport"]

ACCEPTED = Answer("accepted", 200)


class MemoryTransport:
    """Gives the answers it was told to give, in order, and then takes everything.

    `bodies` are those that were accepted, `tries` all that were sent. `always` replaces the answer to everything.
    """

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self.answers: deque[Answer] = deque(answers)
        self.always: Answer = ACCEPTED
        self.bodies: list[bytes] = []
        self.tries: list[bytes] = []
        self.closed = 0

    def send(self, body: bytes) -> Answer:
        """Keep `body` if the answer that is due accepts it."""
        answer = self.answers.popleft() if self.answers else self.always
        self.tries.append(body)
        if answer.outcome == "accepted":
            self.bodies.append(body)
        return answer

    def close(self) -> None:
        """Count that it was closed."""
        self.closed += 1
