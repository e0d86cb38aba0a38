"""Records that fail again and again while others are taken: each has its chances, and stands in nobody's way.

A server that falls over one record answers it as if nothing worked. So when the same record has failed a few times, it
is sent in turn with others. Only failures between which something else was taken speak against it; each of them makes
it wait longer, and after the last it is given up.
"""

from __future__ import annotations

import itertools
from typing import Final

from .._value import Value, evolve
from ..transport import Answer
from .record import Kind, Record

__all__ = ["Suspects"]

MOST_AHEAD: Final = 10_000
"""Answers to records behind a suspect that are remembered."""
PATIENCE: Final = 3
"""Failures after which others have their turn."""
PROOFS: Final = 5
"""Failures, each with something else taken before it, after which a record is given up: a minute at least."""
FIRST_REST: Final = 4.0
LONGEST_REST: Final = 60.0

Lane = tuple[bool, Kind]
"""Whether it is one of our own, and its kind."""


class Suspect(Value):
    """The first record of a lane, which failed when it was sent alone."""

    payload: bytes
    failed_at: float
    failures: int = 1
    proofs: int = 0
    not_before: float = 0.0
    is_others_turn: bool = False

    def failed(self, now: float, taken_at: float) -> Suspect:
        """It failed again; something else was last taken at `taken_at`."""
        failures, proofs, rest = self.failures + 1, self.proofs, 0.0
        if taken_at > self.failed_at:
            rest = min(LONGEST_REST, FIRST_REST * 2.0**proofs)
            proofs += 1
        return Suspect(self.payload, now, failures, proofs, now + rest, failures >= PATIENCE)


class Suspects:
    """What one delivery suspects. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._first: dict[Lane, Suspect] = {}
        self._ahead: dict[int, Answer] = {}
        self._turns = 0

    def answered(self, records: list[Record]) -> list[Answer]:
        """The answers to the first records that were sent already, before what was in front of them."""
        answers: list[Answer] = []
        for record in records:
            answer = self._ahead.pop(hash(record.payload), None)
            if answer is None:
                break
            answers.append(answer)
        return answers

    def unanswered(self, records: list[Record]) -> list[Record]:
        """The first records up to one that was answered already."""
        if not self._ahead:
            return records
        return list(itertools.takewhile(lambda record: hash(record.payload) not in self._ahead, records))

    def choose(self, lane: Lane, records: list[Record], now: float) -> tuple[Record | None, float]:
        """The record that is to be sent alone now, or `None` and the seconds for which the lane has to rest.

        `None` and 0 when nothing is suspected.
        """
        suspect = self._first.get(lane)
        if suspect is None or suspect.payload != records[0].payload:
            self._first.pop(lane, None)
            return None, 0.0
        if not suspect.is_others_turn:
            return (None, suspect.not_before - now) if now < suspect.not_before else (records[0], 0.0)
        self._first[lane] = evolve(suspect, is_others_turn=False)
        others = [record for record in records[1:] if hash(record.payload) not in self._ahead]
        if not others:
            return None, 0.001  # those of other lanes have their turn
        self._turns += 1
        return others[self._turns % len(others)], 0.0

    def failed(self, lane: Lane, record: Record, now: float, taken_at: float) -> bool:
        """The first record of a lane failed when it was sent alone. Whether it is to be given up."""
        suspect = self._first.get(lane)
        if suspect is None or suspect.payload != record.payload:
            suspect = Suspect(record.payload, now)
        else:
            suspect = suspect.failed(now, taken_at)
        self._first[lane] = suspect
        return suspect.proofs >= PROOFS

    def passed(self, record: Record, answer: Answer) -> None:
        """A record was taken, or will never be, before what is in front of it."""
        self._ahead[hash(record.payload)] = evolve(answer, headers={}, body=b"")
        if len(self._ahead) > MOST_AHEAD:  # its record was given up, or taken over by another process
            del self._ahead[next(iter(self._ahead))]
