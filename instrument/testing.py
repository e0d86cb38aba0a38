"""What a program recorded, for tests to assert on.

    from instrument.testing import record

    def test_an_order_asks_the_database_at_most_three_times():
        with record() as recorded:
            place_order(cart)
        assert recorded.count(op="db") <= 3
        assert recorded.find(op="http.client", description="POST https://bank/pay")

With pytest, the fixture `instrumented` gives the same for a whole test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from . import _clock, _ids
from ._books import Books, Stats
from .client import Client
from .errors import BadOption
from .exporters import Memory
from .options import Options
from .processing import pipeline
from .recording import HUB, ErrorEvent, Scope, ScopeBlock, Span, TransactionEvent

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._option_types import InitOptions

__all__ = ["Recorded", "record"]


class Recorded:
    """What was recorded since the block began."""

    def __init__(self, client: Client, memory: Memory) -> None:
        self.client = client
        self._memory = memory

    @property
    def transactions(self) -> list[TransactionEvent]:
        """The finished transactions, in the order they finished."""
        return self._memory.transactions

    @property
    def errors(self) -> list[ErrorEvent]:
        """The captured errors and messages."""
        return self._memory.errors

    @property
    def spans(self) -> list[Span]:
        """The finished spans of all finished transactions, in the order they were started."""
        return [span for item in self.transactions for span in item.spans]

    def find(self, op: str | None = None, description: str | None = None) -> list[Span]:
        """The spans with this op and description; what is not given may be anything."""
        return [
            span
            for span in self.spans
            if (op is None or span.op == op) and (description is None or span.description == description)
        ]

    def count(self, op: str | None = None, description: str | None = None) -> int:
        """How many spans `find` finds."""
        return len(self.find(op, description))

    def stats(self) -> Stats:
        """The books."""
        return HUB.stats() if HUB.client is self.client else self.client.stats()

    def tree(self) -> str:
        """Everything as text, a line each, children below their parents, errors where they were raised."""
        return "\n".join(line for item in self.transactions for line in self._lines(item)) + "\n"

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self._memory.clear()

    def _lines(self, item: TransactionEvent) -> Iterator[str]:
        children: dict[str | None, list[Span]] = {}
        for span in item.spans:
            children.setdefault(span.parent_span_id, []).append(span)

        def below(span_id: str, depth: int) -> Iterator[str]:
            for error in self.errors:
                if error.span_id == span_id:
                    yield f"{'  ' * depth}! {_title(error)}"
            for span in children.get(span_id, ()):
                yield "  " * depth + _line(span.op, span.description, span.status)
                yield from below(span.span_id, depth + 1)

        yield _line(item.op, item.name, item.status)
        yield from below(item.span_id, 1)


def _line(op: str | None, what: str | None, status: str | None) -> str:
    named = " ".join(part for part in (op, what) if part)
    return f"{named} [{status}]" if status is not None and status != "ok" else named


def _title(error: ErrorEvent) -> str:
    if error.exceptions:
        raised = error.exceptions[-1]
        return f"{raised.get('type')}: {raised.get('value')}"
    return str(error.message)


@contextmanager
def record(*, deterministic: bool = False, **options: Unpack[InitOptions]) -> Iterator[Recorded]:
    """Record what happens in the block in memory, with a fresh client that has `options`; then all is as before.

    With `deterministic`, ids are counted from 1 and every reading of the clock is a millisecond after the one before,
    from 2026-01-01 on: the outcome can be compared as a whole. Not for programs whose threads race.

    Raises what `init` raises, and `BadOption` for an exporter: what is recorded stays in memory.
    """
    if options.pop("exporter", None) is not None:
        raise BadOption("exporter cannot be given to record, which keeps everything in memory; init takes one")
    memory = Memory()
    settings = Options.read(exporter=memory, **options)
    books = Books()
    clean = HUB.clean
    try:
        steps = pipeline(settings)
        settings = settings.told(HUB.clean)
        client = Client(settings, steps, memory, books, exporter_keeps_books=False)
        counted = _counted() if deterministic else nullcontext()
        with HUB.lent(client, settings, books), ScopeBlock(Scope(HUB), isolated=True), counted:
            yield Recorded(client, memory)
    finally:
        HUB.clean = clean


@contextmanager
def _counted() -> Iterator[None]:
    """Ids and times that are the same in every run."""
    source, clock = _Numbers(), _Ticking()
    fakes = {
        "urandom": (vars(_ids)["urandom"], source),
        "ticks": (_clock.ticks, clock.ticks),
        "wall": (_clock.wall, clock.wall),
    }
    replaced = []
    for module in [one for name, one in sys.modules.items() if name.startswith("instrument.")]:
        for name, (real, fake) in fakes.items():
            if vars(module).get(name) is real:
                replaced.append((module, name, real))
                setattr(module, name, fake)
    try:
        yield
    finally:
        for module, name, real in replaced:
            setattr(module, name, real)


class _Numbers:
    """In place of random bytes: 1, 2, 3, eight bytes each."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, size: int) -> bytes:
        numbers = b""
        while len(numbers) < size:
            self._last += 1
            width = size if size < 8 or size == 16 else 8
            numbers += self._last.to_bytes(width, "big")
        return numbers


class _Ticking:
    """A clock that goes on by a millisecond each time it is read."""

    BEGIN = 1_767_225_600_000_000_000

    def __init__(self) -> None:
        self._now = 0

    def ticks(self) -> int:
        self._now += 1_000_000
        return self._now

    def wall(self) -> int:
        return self.BEGIN + self._now
