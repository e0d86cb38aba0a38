"""What the sender does in one step: choose a batch, send it, and draw the consequences of the answer.

No thread, no waiting: a step says how long to wait for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from .. import _clock, _guard
from .._books import Books
from .._value import Value, evolve
from ..transport import Answer, Transport
from ..wire import Codec, client_report
from .backoff import Backoff, chance
from .batch_size import BatchSize
from .losses import RATE_LIMITED, Losses
from .rate_limits import RateLimits, retry_after
from .record import Kind, Record
from .rejects import Rejects
from .spool import Source
from .spool_books import move_records, reject_spans
from .suspects import Suspects

__all__ = ["Clock", "Delivery"]

LANES: Final[tuple[Kind, ...]] = ("error", "transaction", "report")
BATCH_BYTES: Final = 512 * 1024
READ_AHEAD: Final = 16
IDLE_SECONDS: Final = 60.0
LONGEST_WAIT: Final = 1.0
ADOPT_SECONDS: Final = 60.0
SUSPENDED_SECONDS: Final = 30.0
LATER: Final = frozenset({408, 425, 429})
DECIDED: Final = ("accepted", "refused")


class Clock(Value):
    """The clocks and the dice, so that a test can bring its own."""

    seconds: Callable[[], float] = _clock.seconds
    wall: Callable[[], int] = _clock.wall
    chance: Callable[[], float] = chance


def no_orphans() -> Source | None:
    """There is nothing to adopt."""
    return None


class Delivery:
    """Takes records from a source and gets them accepted at one destination, one request at a time.

    In order, but for a record that the other side cannot cope with. `lean` makes a record smaller that it finds too
    large. What becomes of records that dead processes left is counted in `orphans_books`.
    """

    def __init__(
        self,
        source: Source,
        codec: Codec,
        transport: Transport,
        books: Books,
        *,
        destination: str,
        clock: Clock | None = None,
        adopt: Callable[[], Source | None] = no_orphans,
        orphans_books: Books | None = None,
        rejects: Rejects | None = None,
        lean: Callable[[bytes], bytes | None] | None = None,
        drops_when_limited: bool = False,
        reports_losses: bool = False,
        limits: RateLimits | None = None,
        fault: str = "delivery",
    ) -> None:
        self._own = source
        self._orphan: Source | None = None
        self._codec = codec
        self._transport = transport
        self._books = books
        self._orphans_books = orphans_books or Books()
        self._destination = destination
        self._fault = fault
        self._clock = clock or Clock()
        self._adopt = adopt
        self._rejects = rejects
        self._lean = lean
        self._drops_when_limited = drops_when_limited
        self._losses = Losses(books, self._orphans_books, now=self._clock.seconds()) if reports_losses else None
        self._batch = BatchSize(codec.max_records, codec.max_records)
        self._suspects = Suspects()
        self._orphan_first = False
        self._adopt_at = 0.0
        self._looks_asked = 0
        self._looks_done = 0
        self._complained: set[str] = set()
        self._slept = self._drift()
        self.backoff = Backoff()
        self.limits = RateLimits() if limits is None else limits
        self.finished: dict[str, int] = dict.fromkeys(LANES, 0)
        """How many records of our own were taken or refused for good, by kind."""
        self.is_finishing = False
        """Whether records are counted as finished and the spool is about to learn it."""
        self.progress_at = 0.0
        """The monotonic second when something was last taken or refused."""
        self._taken_at = 0.0
        self.sending_since: float | None = None
        self.is_halted = False
        """Set to send nothing more."""
        self.is_quiet = False
        """Set to log nothing more, because logging may be gone."""

    def step(self) -> float:
        """Send what is due. The seconds until there may be more to do; 0 when there is."""
        if self.is_halted:
            return IDLE_SECONDS
        self._notice_sleep()
        now = self._clock.seconds()
        wait = self.backoff.wait(now)
        if wait:
            return min(wait, LONGEST_WAIT)
        nearest = IDLE_SECONDS
        for source, kind in self._lanes():
            limited = self._limit(kind, now)
            if limited and not self._drops_when_limited:
                nearest = min(nearest, max(limited, 0.01))
                continue
            records = source.read(kind, max(self._size(), READ_AHEAD), BATCH_BYTES)
            if not records:
                continue
            answers = self._suspects.answered(records)
            for record, answer in zip(records, answers, strict=False):
                self._conclude(source, kind, [record], answer)
            if answers:
                return 0.0
            if limited:
                self._finish(source, kind, self._suspects.unanswered(records), "dropped:ratelimit_backoff")
                return 0.0
            rest = self._send_some(source, kind, records, now)
            if not rest:
                return 0.0
            nearest = min(nearest, rest)
        return self._idle(now, nearest)

    def report_now(self) -> None:
        """Tell the server of losses at the next step, not when the time has come."""
        if self._losses is not None:
            self._losses.ask()

    def is_settled(self) -> bool:
        """Whether there is no report of losses to be sent soon."""
        return self._losses is None or self._losses.is_settled

    def has_orphans(self) -> bool:
        """Whether something that a dead process left is being sent, or was asked for and not yet looked for."""
        return self._orphan is not None or self._looks_done < self._looks_asked

    def look_for_orphans(self) -> None:
        """Adopt what dead processes left at the next idle step."""
        # Counted, as the sender's thread sets the time of its next look at any moment.
        self._looks_asked += 1

    def is_troubled(self, patience: float) -> bool:
        """Whether there is no hope for the next moment: the last try failed, or an answer is overdue by `patience`."""
        since = self.sending_since
        return self.backoff.failures > 0 or (since is not None and self._clock.seconds() - since > patience)

    def let_go(self) -> None:
        """Leave to others what a dead process left. Only when no step is under way."""
        orphan, self._orphan = self._orphan, None
        if orphan is not None:
            orphan.close()

    def forget(self) -> None:
        """In a forked child: what was being sent or adopted is the parent's."""
        self._orphan = None
        self.sending_since = None
        self.is_finishing = False
        self._suspects = Suspects()
        if self._losses is not None:
            self._losses.forget()
        self.finished = dict.fromkeys(LANES, 0)

    def _lanes(self) -> Iterator[tuple[Source, Kind]]:
        sources = [self._own] if self._orphan is None else [self._own, self._orphan]
        yield from ((source, LANES[0]) for source in sources)
        if self._orphan_first:
            sources.reverse()
        self._orphan_first = not self._orphan_first
        yield from ((source, kind) for kind in LANES[1:] for source in sources)

    def _size(self) -> int:
        return 1 if self.backoff.is_open else self._batch.size

    def _idle(self, now: float, nearest: float) -> float:
        if self._report(now):
            return 0.0
        if nearest < IDLE_SECONDS:
            return min(nearest, LONGEST_WAIT)
        self.backoff = self.backoff.drained()
        if self._orphan is not None:
            self._orphan.close()
            self._orphan = None
            self._adopt_at = now
        asked = self._looks_asked
        if now >= self._adopt_at or self._looks_done < asked:
            self._orphan = _guard.guarded("adoption", None, self._adopt)
            if self._orphan is not None:
                return 0.0
            self._looks_done = asked
            self._adopt_at = now + ADOPT_SECONDS
        return min(IDLE_SECONDS, self._adopt_at - now)

    def _send_some(self, source: Source, kind: Kind, records: list[Record], now: float) -> float:
        """Send what is due of a lane; the seconds for which it has to rest instead, if it has."""
        alone, rest = self._suspects.choose((source is self._own, kind), records, now)
        if rest:
            return rest
        if alone is None:
            self._send_all(source, kind, self._suspects.unanswered(records))
        elif alone is records[0]:
            self._send(source, kind, [alone])
        else:
            self._send_ahead(kind, alone)
        return 0.0

    def _send_all(self, source: Source, kind: Kind, records: list[Record]) -> None:
        size = self._size()
        for start in range(0, len(records), size):
            if not self._send(source, kind, records[start : start + size]) or self.is_halted:
                return

    def _send(self, source: Source, kind: Kind, records: list[Record]) -> bool:
        """Send one body. Whether the next one may follow at once."""
        answer = self._exchange_records(kind, records)
        now = self._clock.seconds()
        if answer.outcome not in DECIDED:
            self._suspect(source, kind, records, answer, now)
            return False
        self._recovered(now, answer)
        if answer.outcome == "accepted":
            self._batch = self._batch.accepted(len(records))
        elif len(records) > 1 and not answer.is_final:
            self._batch = self._batch.refused(len(records))
            return False
        else:
            self._batch = self._batch.found()
        self._conclude(source, kind, records, answer)
        return not self.backoff.wait(now) and not self._limit(kind, now)

    def _send_ahead(self, kind: Kind, record: Record) -> None:
        """See whether the other side takes this one, as it does not take what is in front of it."""
        answer = self._exchange_records(kind, [record])
        now = self._clock.seconds()
        if answer.outcome in DECIDED:
            self._recovered(now, answer)
            self._suspects.passed(record, answer)
        else:
            self._keep(kind, answer, now)
            if self._is_dropped(kind, answer, now):
                self._suspects.passed(record, answer)

    def _conclude(self, source: Source, kind: Kind, records: list[Record], answer: Answer) -> None:
        """Draw up what became of records that are not to be sent again."""
        if answer.outcome == "accepted":
            self._set_aside(kind, [records[position] for position in answer.left_out], answer)
            self._finish(source, kind, records, "delivered", answer.left_out)
            if answer.spans_refused or answer.remark:
                self._note_remark(source, kind, records, answer)
        elif answer.outcome == "refused":
            self._set_aside(kind, records, answer)
            self._finish(source, kind, records, "rejected")
        else:
            self._finish(source, kind, records, f"dropped:{RATE_LIMITED}")

    def _exchange_records(self, kind: Kind, records: list[Record]) -> Answer:
        """Send records as one body; one that is too large by itself once more without its largest attributes."""
        answer = self._exchange(self._codec.join([record.payload for record in records]))
        if answer.status != 413 or len(records) > 1 or self._lean is None:
            return answer
        smaller = _guard.guarded("lean", None, self._lean, records[0].payload)
        if smaller is None:
            return answer
        answer = self._exchange(self._codec.join([smaller]))
        if answer.outcome == "accepted" and not self.is_quiet:
            what = f"took one {kind} only without its largest attributes"
            _guard.say(f"large {self._destination}", f"{self._destination} {what}")
        return answer

    def _suspect(self, source: Source, kind: Kind, records: list[Record], answer: Answer, now: float) -> None:
        """Nothing was taken: that may be due to the record."""
        may_be_due = self._keep(kind, answer, now) and len(records) == 1
        if self._is_dropped(kind, answer, now):
            self._conclude(source, kind, records, answer)
        elif may_be_due and self._suspects.failed((source is self._own, kind), records[0], now, self._taken_at):
            self._set_aside(kind, records, answer, "never took")
            self._finish(source, kind, records, "dropped:send_error")

    def _exchange(self, body: bytes) -> Answer:
        self.sending_since = self._clock.seconds()
        answer = self._transport.send(body)
        self.sending_since = None
        wall = self._clock.wall() / 1e9
        self.limits = self.limits.answered(answer.status, answer.headers, self._clock.seconds(), wall)
        return answer

    def _limit(self, kind: Kind, now: float) -> float:
        return self.limits.wait(kind, now, self._clock.wall() / 1e9)

    def _is_dropped(self, kind: Kind, answer: Answer, now: float) -> bool:
        """Whether what was sent is not to be sent again, because of a limit that it ran into."""
        return self._drops_when_limited and answer.status == 429 and self._limit(kind, now) > 0

    def _recovered(self, now: float, answer: Answer) -> None:
        self.backoff = self.backoff.succeeded(now)
        self.progress_at = now
        if answer.outcome == "accepted":
            self._taken_at = now
        if self._complained and not self.backoff.attempt:
            self._complained.clear()

    def _keep(self, kind: Kind, answer: Answer, now: float) -> bool:
        """Try again later. Whether what was sent may be the reason."""
        status = answer.status
        if status == 429 and self._limit(kind, now):
            self.backoff = self.backoff.limited()
            return False
        if answer.outcome == "later" and status is not None and 300 <= status < 500 and status not in LATER:
            self.backoff = self.backoff.misconfigured(now, self._clock.chance())
            self._complain("misconfigured", f"answers {answer.detail}; is the address right? What is recorded is kept")
            return False
        floor = retry_after(answer.headers, self._clock.wall() / 1e9) or 0.0
        self.backoff = self.backoff.failed(now, self._clock.chance(), floor)
        self._complain("unreachable", f"does not take anything now ({answer.detail}); what is recorded is kept")
        return status != 429

    def _complain(self, kind: str, message: str) -> None:
        """Say it once in an outage; an outage is over when the back-off is."""
        if kind not in self._complained and not self.is_quiet:
            self._complained.add(kind)
            _guard.say(self._fault, f"{self._destination} {message}")

    def _note_remark(self, source: Source, kind: Kind, records: list[Record], answer: Answer) -> None:
        """Some spans of a body that was taken were not; which ones, and so of which transactions, nobody says."""
        reject_spans(self._books if source is self._own else self._orphans_books, kind, records, answer.spans_refused)
        if not self.is_quiet:
            _guard.say(f"remark {self._destination}", f"{self._destination} {answer.remark}")

    def _set_aside(self, kind: Kind, records: list[Record], answer: Answer, what: str = "refused") -> None:
        for record in records:
            if self._rejects is not None:
                self._rejects.keep(record)
        if records and not self.is_quiet:
            _guard.say(f"refused {self._destination}", f"{self._destination} {what} one {kind} ({answer.detail})")

    def _finish(
        self, source: Source, kind: Kind, records: list[Record], outcome: str, left_out: Sequence[int] = ()
    ) -> None:
        """The records' fate is sealed. The count comes first, so that a flush that looks in between waits too long."""
        self.is_finishing = True
        try:
            books = self._orphans_books
            if source is self._own:
                books = self._books
                self.finished[kind] += len(records)
            move_records(books, kind, records, "spooled", outcome)
            if left_out:
                move_records(books, kind, [records[position] for position in left_out], outcome, "rejected")
            source.done(kind, len(records))
        finally:
            self.is_finishing = False

    def _report(self, now: float) -> bool:
        """Send a report of losses if it is due and there are any. Whether one was sent."""
        tally = None if self._losses is None else self._losses.begin(now)
        if self._losses is None or tally is None:
            return False
        can_be_sent = bool(tally) and not self._limit("report", now)
        if can_be_sent:
            answer = self._exchange(self._codec.join([client_report(tally, self._clock.wall)]))
            if answer.outcome in DECIDED:
                self._losses.told(tally)
            else:
                self._keep("report", answer, self._clock.seconds())
        self._losses.end(now)
        return can_be_sent

    def _drift(self) -> float:
        return self._clock.wall() / 1e9 - self._clock.seconds()

    def _notice_sleep(self) -> None:
        """After the machine slept, connections are dead and the reasons to wait are old."""
        drift = self._drift()
        if drift - self._slept > SUSPENDED_SECONDS:
            self._transport.close()
            self.backoff = evolve(self.backoff, not_before=0.0)
        self._slept = drift
