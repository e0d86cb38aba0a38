"""Event payloads as rows: what a trace is found by in columns, the payload beside it as it came."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import DecodeError, ValidationError

from .events import EventFields, read_event, read_outlines, seconds
from .schema import KEY_LENGTH, PAGE_SIZE

__all__ = ["Row", "read_row"]


class Row(NamedTuple):
    """One transaction or error."""

    trace_id: str
    key: int
    extent: tuple[float, float, float]
    """When the first of its spans starts, when the last one ends, and how long the longest one takes."""
    kinds: frozenset[str]
    """The ops and, with `=` before them, the statuses of its spans."""
    values: tuple[str | float | None, ...]
    """event_id and the columns after it, in the order of the statement; the payload comes last."""
    is_error: bool = False

    @property
    def size(self) -> int:
        """About how many bytes it takes in the file."""
        return len(str(self.values[-1]))


def read_row(payload: bytes) -> Row | None:
    """The row of one event payload; None when it is not an event that can be kept."""
    try:
        fields = read_event(payload)
        if fields.type == "transaction":
            return _transaction(fields, payload)
        return _error(fields, payload)
    except (DecodeError, ValidationError, ValueError):
        return None


def _transaction(fields: EventFields, payload: bytes) -> Row | None:
    trace, process = fields.contexts.trace, fields.contexts.process
    if trace is None or fields.start_timestamp is None:
        return None
    start = first = seconds(fields.start_timestamp)
    last = max(start, seconds(fields.timestamp))
    duration = slowest = last - start
    kinds = {trace.op, f"={trace.status}" if trace.status else None}
    spans = read_outlines(fields.spans)
    for span in spans:
        begin, end = span.start_timestamp, span.timestamp
        if type(begin) is not float or type(end) is not float:
            begin, end = seconds(begin), seconds(end)
        if begin < first:
            first = begin
        if end > last:
            last = end
        if end - begin > slowest:
            slowest = end - begin
        kinds.add(span.op)
        if span.status:
            kinds.add("=" + span.status)
    return Row(
        trace.trace_id,
        _key(trace.trace_id),
        (first, last, slowest),
        frozenset(kind for kind in kinds if kind),
        (
            *(fields.event_id, trace.span_id, trace.parent_span_id, fields.transaction, trace.op, trace.status),
            *(start, duration, len(spans) + 1, process.service or fields.server_name, process.pid, payload.decode()),
        ),
    )


def _error(fields: EventFields, payload: bytes) -> Row:
    # An error that names no trace is a trace of its own, so that it can be listed and found.
    trace = fields.contexts.trace
    trace_id, span_id = (trace.trace_id, trace.span_id) if trace else (fields.event_id, None)
    time = seconds(fields.timestamp)
    # What does not fit on a page has pages of its own, the last one half empty.
    size = len(payload) + (PAGE_SIZE // 2 if len(payload) > PAGE_SIZE // 2 else 0)
    values = (fields.event_id, span_id, time, fields.level, _title(fields), size, payload.decode())
    return Row(trace_id, _key(trace_id), (time, time, 0.0), frozenset(), values, is_error=True)


def _key(trace_id: str) -> int:
    """Raises ValueError for what is no id: 28 bits of it are enough to find nearly always one trace."""
    return int(trace_id[:KEY_LENGTH], 16)


def _title(fields: EventFields) -> str:
    if fields.exception and fields.exception.values:
        raised = fields.exception.values[-1]
        title = ": ".join(part for part in (raised.type, raised.value) if part)
    elif fields.logentry:
        title = fields.logentry.formatted or fields.logentry.message or ""
    else:
        title = fields.message or ""
    return title or "(no message)"
