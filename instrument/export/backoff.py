"""How long to wait after a failure, and how much to send when the other side is back. A value, without a clock."""

from __future__ import annotations

import os
from typing import Final

from .._value import Value, evolve

__all__ = ["Backoff", "chance"]

BASE_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 60.0
HIGHEST_ATTEMPT: Final = 10
OPEN_AFTER: Final = 3
MISCONFIGURED_SECONDS: Final = 300.0
PACE_SECONDS: Final = 0.1
WIDEST_BURST: Final = 64
SPREAD: Final = 0.1


def chance() -> float:
    """A random number from 0 to 1 that is not drawn from the program's own generator and differs after a fork."""
    return int.from_bytes(os.urandom(6), "big") / (1 << 48)


class Backoff(Value):
    """The state of one destination. Every event gives the state that follows; `now` is monotonic seconds.

    A failure waits between nothing and a bound that doubles from half a second to a minute. After an outage one body
    is sent, then two, then four, with a tenth of a second between, until the backlog is gone or the bursts are wide.
    """

    attempt: int = 0
    """The exponent of the bound; halved by a success, so that a server that has just come back is not overrun."""
    failures: int = 0
    """In a row."""
    not_before: float = 0.0
    """When the next body may be sent."""
    burst: int = 0
    """How many bodies before the next pause; 0 when there is no reason to pause."""
    sent: int = 0
    """How many of the burst are sent."""

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: only one small probe at a time."""
        return self.failures >= OPEN_AFTER

    def wait(self, now: float) -> float:
        """Seconds until something may be sent, 0 when it may be now."""
        return max(0.0, self.not_before - now)

    def failed(self, now: float, chance: float, floor: float = 0.0) -> Backoff:
        """Nobody answered, or with an error of their own. `floor` is what the other side asked for, in seconds."""
        delay = chance * min(LONGEST_SECONDS, BASE_SECONDS * 2.0**self.attempt)
        delay = max(delay, floor * (1 + SPREAD * chance))
        attempt = min(self.attempt + 1, HIGHEST_ATTEMPT)
        return Backoff(attempt=attempt, failures=self.failures + 1, not_before=now + delay, burst=1)

    def misconfigured(self, now: float, chance: float) -> Backoff:
        """The other side will not take anything until somebody changes a setting."""
        delay = MISCONFIGURED_SECONDS * (1 + SPREAD * chance)
        failures = max(OPEN_AFTER, self.failures + 1)
        return Backoff(attempt=self.attempt, failures=failures, not_before=now + delay, burst=1)

    def limited(self) -> Backoff:
        """The other side asked for a rest, which somebody else times; go on carefully after it."""
        return evolve(self, failures=0, burst=1, sent=0)

    def succeeded(self, now: float) -> Backoff:
        """One body was taken, or refused by a server that is well."""
        if self == NO_TROUBLE:
            return self
        attempt = self.attempt // 2
        if not self.burst:
            return Backoff(attempt=attempt)
        if self.sent + 1 < self.burst:
            return Backoff(attempt=attempt, burst=self.burst, sent=self.sent + 1)
        wider = self.burst * 2
        if wider > WIDEST_BURST:
            return Backoff(attempt=attempt)
        return Backoff(attempt=attempt, not_before=now + PACE_SECONDS, burst=wider)

    def drained(self) -> Backoff:
        """There is no backlog: what comes next need not be paced."""
        if self.failures or not self.burst:
            return self
        return Backoff(attempt=self.attempt)


NO_TROUBLE: Final = Backoff()
