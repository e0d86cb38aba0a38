"""Traces as the page takes them: rows in the order in which they are drawn, and all that is known of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from ..store.reading import ErrorRecord, SpanNode, Trace, TraceSummary, TransactionRecord, walk
from .bounded import Room, cut

__all__ = ["error_data", "find_error", "find_span", "span_data", "summary_data", "trace_data"]

MOST_ROWS: Final = 20_000
LONGEST_NAME: Final = 300
MOST_ERRORS: Final = 20
"""Errors of one span that are told whole."""

TOLD: Final = (
    "request",
    "user",
    "breadcrumbs",
    "tags",
    "contexts",
    "extra",
    "environment",
    "release",
    "dist",
    "server_name",
    "logger",
    "platform",
    "sdk",
    "modules",
    "fingerprint",
)
"""What of an event is shown, besides what its span says."""


def summary_data(summary: TraceSummary) -> dict[str, Any]:
    """A line of the list; times in Unix seconds, durations in seconds."""
    return {**attrs.asdict(summary), "name": cut(summary.name, LONGEST_NAME)}


def trace_data(trace: Trace) -> dict[str, Any]:
    """The whole trace: a row for each span, parents first, and for each error. Times count from the trace's start."""
    processes = {label: n for n, label in enumerate(dict.fromkeys(record.label for record in trace.transactions))}
    rows: list[dict[str, Any]] = []
    for found in _rows(trace):
        if len(rows) == MOST_ROWS:
            break
        row = _error_row(trace, *found) if isinstance(found[0], ErrorRecord) else _span_row(trace, processes, *found)
        rows.append(row)
    shifts = {node.transaction.label: node.shift for node in walk(trace.roots) if node.shift and node.transaction}
    return {
        "trace_id": trace.trace_id,
        "start": trace.start,
        "duration": trace.duration,
        "spans": trace.spans,
        "errors": trace.error_count,
        "left_out": trace.spans + trace.error_count - len(rows),
        "processes": [cut(label, LONGEST_NAME) for label in processes],
        "shifts": shifts,
        "rows": rows,
    }


def _rows(trace: Trace) -> Iterator[tuple[Any, int, SpanNode | None]]:
    """Spans and errors, how deep each is, and what it hangs on."""
    waiting: list[tuple[SpanNode, int, SpanNode | None]] = [(root, 0, None) for root in reversed(trace.roots)]
    while waiting:
        node, depth, parent = waiting.pop()
        yield node, depth, parent
        for error in node.errors:
            yield error, depth + 1, node
        waiting += [(child, depth + 1, node) for child in reversed(node.children)]
    for error in trace.errors:
        yield error, 0, None


def _span_row(
    trace: Trace, processes: dict[str, int], node: SpanNode, depth: int, parent: SpanNode | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": node.span_id,
        "depth": depth,
        "op": cut(node.op or "", LONGEST_NAME),
        "name": cut(node.name or "", LONGEST_NAME),
        "start": node.start - trace.start,
        "took": node.duration,
        "process": processes[node.transaction.label] if node.transaction else 0,
    }
    marks: dict[str, Any] = {
        "status": node.status if node.status not in ("ok", "success") else None,
        "folded": node.folded if node.folded > 1 else None,
        "root": node.is_root,
        "orphan": node.is_orphan,
        "late": parent is not None and _is_late(node, parent),
    }
    return {**row, **{name: value for name, value in marks.items() if value}}


def _is_late(node: SpanNode, parent: SpanNode) -> bool:
    """Whether it came by itself because it was still open when its own process handed its transaction over."""
    mine, others = node.transaction, parent.transaction
    if not node.is_root or mine is None or others is None:
        return False
    return (mine.process, mine.pid) == (others.process, others.pid) and node.finish > parent.finish


def _error_row(trace: Trace, error: ErrorRecord, depth: int, parent: SpanNode | None) -> dict[str, Any]:
    return {
        "error": error.event_id,
        "depth": depth,
        "level": error.level or "error",
        "name": cut(error.title, LONGEST_NAME),
        "place": cut(error.place or "", LONGEST_NAME),
        "start": error.time - trace.start + (parent.shift if parent else 0.0),
    }


def find_span(trace: Trace, span_id: str) -> SpanNode | None:
    """The span with this id."""
    return next((node for node in walk(trace.roots) if node.span_id == span_id), None)


def find_error(trace: Trace, event_id: str) -> ErrorRecord | None:
    """The error event with this id."""
    inside = (error for node in walk(trace.roots) for error in node.errors)
    return next((error for error in [*trace.errors, *inside] if error.event_id == event_id), None)


def span_data(node: SpanNode) -> dict[str, Any]:
    """All about a span; of its transaction what is its own, if it is the root, else only which one it is."""
    room = Room()
    record = node.transaction
    data = {
        "span_id": node.span_id,
        "parent_span_id": node.parent_span_id,
        "op": room.copy(node.op),
        "name": room.copy(node.name),
        "status": room.copy(node.status),
        "start": node.start,
        "duration": node.duration,
        "clock_shift": node.shift,
        "origin": room.copy(node.origin),
        "process": record and room.copy(record.label),
        "pid": record and record.pid,
        "is_root": node.is_root,
        "is_orphan": node.is_orphan,
        "data": room.copy(node.data),
        "tags": room.copy(node.tags),
        "measurements": room.copy(node.measurements),
        "errors": [error_data(error, room) for error in node.errors[:MOST_ERRORS]],
        "root": record and record.span_id,
    }
    if record is not None and node.is_root:
        data["event_id"] = record.event_id
        data["event"] = _told(record, room)
    return data


def error_data(error: ErrorRecord, room: Room | None = None) -> dict[str, Any]:
    """All about an error event."""
    room = room or Room()
    event = error.event
    chain = _values(event.get("exception"))
    threads = [] if any("stacktrace" in one for one in chain) else _values(event.get("threads"))
    return {
        "event_id": error.event_id,
        "span_id": error.span_id,
        "time": error.time,
        "level": error.level or "error",
        "title": room.copy(error.title),
        "message": room.copy(event.get("message") or _part(event.get("logentry"), "formatted")),
        "exceptions": room.copy(chain),
        "stack": room.copy(next((_part(one.get("stacktrace"), "frames") for one in threads), None)),
        "event": _told(error, room),
    }


def _told(record: TransactionRecord | ErrorRecord, room: Room) -> dict[str, Any]:
    event = record.event
    shown = {name: event[name] for name in TOLD if event.get(name)}
    contexts = shown.get("contexts")
    if isinstance(contexts, dict):
        shown["contexts"] = {name: value for name, value in contexts.items() if name != "trace"}
    if "breadcrumbs" in shown:
        shown["breadcrumbs"] = _values(shown["breadcrumbs"])
    return {name: room.copy(value) for name, value in shown.items() if value}


def _values(given: Any) -> list[Any]:
    """A list as the protocol writes lists, in either of two ways."""
    given = _part(given, "values") if isinstance(given, dict) else given
    items: Iterable[Any] = given if isinstance(given, list) else []
    return [item for item in items if isinstance(item, dict)]


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
