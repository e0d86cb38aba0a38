"""What the reader answers with. Times are Unix seconds, durations are seconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
from msgspec import DecodeError
from msgspec.json import decode

__all__ = ["ErrorRecord", "SpanNode", "Trace", "TraceSummary", "TransactionRecord", "process_labels"]


@attrs.frozen
class TraceSummary:
    """One line of a list of traces."""

    trace_id: str
    name: str
    op: str | None
    status: str | None
    start: float
    duration: float
    transactions: int
    spans: int
    errors: int
    processes: tuple[str, ...]
    """The labels of the processes that took part, the one that began it first."""


@attrs.frozen
class ErrorRecord:
    """An error event: what was raised or said, and where."""

    event_id: str
    span_id: str | None
    time: float
    level: str | None
    title: str
    """`type: message` of the exception raised, or the message."""
    text: str = attrs.field(repr=False)
    """The event's JSON."""

    @property
    def event(self) -> dict[str, Any]:
        """The event as it was sent (Sentry event schema)."""
        return _decoded(self.text)

    @property
    def place(self) -> str | None:
        """`file:line` of the innermost frame of the program's own code, or of any code when none is its own."""
        values = _part(_part(self.event, "exception"), "values")
        frames = _part(_part(values[-1] if isinstance(values, list) and values else None, "stacktrace"), "frames")
        known = [frame for frame in frames or [] if isinstance(frame, dict) and frame.get("lineno")]
        frame = next((frame for frame in reversed(known) if frame.get("in_app")), known[-1] if known else None)
        return f"{frame.get('filename') or frame.get('abs_path')}:{frame['lineno']}" if frame else None


@attrs.frozen
class TransactionRecord:
    """What came with one transaction, besides its spans."""

    event_id: str
    span_id: str
    process: str | None
    """The service that the process is part of, else its machine."""
    pid: int | None
    label: str
    """What to call the process among those of this trace; the process number is in it only when it is needed."""
    text: str = attrs.field(repr=False)
    """The event's JSON, its `spans` emptied."""

    @property
    def event(self) -> dict[str, Any]:
        """The event as it was sent (Sentry event schema), its `spans` emptied."""
        return _decoded(self.text)


@attrs.define(eq=False)
class SpanNode:
    """A span in its place in the tree."""

    span_id: str
    parent_span_id: str | None
    op: str | None
    name: str | None
    status: str | None
    start: float
    """As its process's clock had it; `shift` has been added when that could not be."""
    duration: float
    origin: str | None
    data: dict[str, Any] = attrs.field(factory=dict)
    tags: dict[str, Any] = attrs.field(factory=dict)
    measurements: dict[str, Any] = attrs.field(factory=dict)
    transaction: TransactionRecord | None = None
    """The transaction it came with."""
    is_root: bool = False
    """Whether it is the root span of its transaction."""
    is_orphan: bool = False
    """Whether it names a parent that is not in the store."""
    shift: float = 0.0
    """Seconds added to `start` here and below, because the clock of this process was off."""
    children: list[SpanNode] = attrs.field(factory=list, repr=False)
    errors: list[ErrorRecord] = attrs.field(factory=list, repr=False)

    @property
    def finish(self) -> float:
        """When it ended."""
        return self.start + self.duration

    @property
    def folded(self) -> int:
        """How many spans this one stands for; 1 for an ordinary span."""
        count = self.data.get("folded.count")
        return count if isinstance(count, int) and count > 1 else 1


@attrs.frozen(eq=False)
class Trace:
    """A whole trace: the roots of its tree in order of start, and the errors that no span here claims."""

    trace_id: str
    start: float
    duration: float
    roots: tuple[SpanNode, ...]
    errors: tuple[ErrorRecord, ...]
    transactions: tuple[TransactionRecord, ...]
    spans: int
    """How many spans there are in the tree."""
    error_count: int
    """How many error events there are, in the tree and outside it."""


def process_labels(processes: Iterable[tuple[str | None, int | None]]) -> dict[tuple[str | None, int | None], str]:
    """A label for each process (name and number): its name, with the number where several share the name."""
    known = dict.fromkeys(processes)
    names = [name for name, _ in known]
    labels = {}
    for name, pid in known:
        shown = name or "process"
        labels[name, pid] = f"{shown}:{pid}" if pid is not None and names.count(name) > 1 else shown
    return labels


def _decoded(text: str) -> dict[str, Any]:
    try:
        value = decode(text)
    except DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
