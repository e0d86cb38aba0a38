"""Transactions and errors as events of the Sentry protocol."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from ..recording import ErrorEvent, Event, TransactionEvent, text
from . import limits
from .json import encode
from .meta import add_meta
from .parts import in_parts
from .shrink import BUDGET_BYTES, encode_within, note

__all__ = ["encode_event", "encode_parts"]

_OP: Final = limits.OP
_DESCRIPTION: Final = limits.DESCRIPTION
_STATUSES: Final = limits.STATUSES
_SOURCES: Final = limits.SOURCES
_OBJECTS: Final = frozenset({dict})


class _WireSpan(Struct, omit_defaults=True, gc=False):
    trace_id: str
    span_id: str
    start_timestamp: float
    timestamp: float
    parent_span_id: str | None = None
    op: str | None = None
    description: str | None = None
    status: str | None = None
    origin: str | None = "manual"
    data: dict[str, Any] | None = None
    tags: dict[str, str] | None = None
    measurements: dict[str, dict[str, Any]] | None = None


def encode_event(event: Event) -> bytes:
    """The event as JSON on one line, within the size that the server takes; of a very large one the first part."""
    return encode_parts(event)[0][1]


def encode_parts(event: Event, budget: int = BUDGET_BYTES) -> list[tuple[int, bytes]]:
    """How many spans the event has, and its JSON on one line of at most `budget` bytes: most often it is one part."""
    spans = 0
    if isinstance(event, TransactionEvent):
        spans = len(event.spans) + 1
        payload = _transaction(event)
    else:
        payload = _error(event) if isinstance(event, ErrorEvent) else _common(event, {})
    encoded = encode(payload)
    if len(encoded) > budget:
        if spans > 1:
            return in_parts(payload, budget)
        encoded = encode_within(payload, budget)
    return [(spans, encoded)]


def _transaction(event: TransactionEvent) -> dict[str, Any]:
    trace = _trace(event, event.op)
    status, data = _status(event.status, event.data)
    if status is not None:
        trace["status"] = status
    if event.description is not None:
        trace["description"] = text(event.description)
    origin = event.origin
    if data:
        if "sentry.origin" in data:
            data = dict(data)
            origin = data.pop("sentry.origin")
        trace["data"] = data
    trace["origin"] = origin if origin == "manual" else limits.origin(origin)
    end = event.end if event.end > event.time else event.time
    name = event.name.strip() or "<unlabeled transaction>"
    payload: dict[str, Any] = {
        "type": "transaction",
        "event_id": event.event_id,
        "transaction": limits.cut(name, limits.NAME),
        "transaction_info": {"source": event.source if event.source in _SOURCES else "custom"},
        "start_timestamp": event.time / 1e9,
        "timestamp": end / 1e9,
        "spans": _spans(event),
        "measurements": limits.measurements(event.measurements) if event.measurements else {},
    }
    _common(event, payload)
    payload["contexts"]["trace"] = trace
    code = data.get("http.response.status_code") if data else None
    if type(code) is int and "response" not in payload["contexts"]:
        payload["contexts"]["response"] = {"status_code": code}
    if event.meta:
        add_meta(payload, event.meta)
    if len(name) > limits.NAME:
        remark = ["!limit", "s", limits.NAME - 3, limits.NAME]
        note(payload, ("transaction",), {"len": len(name), "rem": [remark]})
    return payload


def _spans(event: TransactionEvent) -> list[_WireSpan]:
    built: list[_WireSpan] = []
    add = built.append
    trace_id, epoch = event.trace_id, event.epoch
    # Most spans have the op and the description of the one before them: these were looked at already.
    op = seen_op = description = seen_description = None
    for span in event.spans:
        start, end = span.start_ticks, span.end_ticks
        if end is None or end < start:
            end = start
        # Op and description are as the program gave them; recording has no time to look.
        if span.op is not seen_op:
            op = seen_op = span.op
            if op is not None and (type(op) is not str or len(op) > _OP):
                op = limits.cut(text(op), _OP)
        if span.description is not seen_description:
            description = seen_description = span.description
            if description is not None and (type(description) is not str or len(description) > _DESCRIPTION):
                description = text(description)
        # A span that was handed over has both ids as text; the properties would cost as much as all the rest.
        parent = span._parent
        wire = _WireSpan(
            trace_id,
            span._id or span.span_id,
            (epoch + start) / 1e9,
            (epoch + end) / 1e9,
            parent if type(parent) is str else span.parent_span_id,
            op,
            description,
        )
        add(wire)
        if span.status is not None or span.data:
            _add_data(wire, span.data if type(span.data) is dict else {}, span.status)
        if span.tags and type(span.tags) is dict:
            wire.tags = limits.span_tags(span.tags)
        if span.measurements and type(span.measurements) is dict:
            wire.measurements = limits.measurements(span.measurements)
    return built


def _add_data(wire: _WireSpan, data: dict[str, Any], status: Any) -> None:
    wire.status, data = _status(status, data)
    if "sentry.origin" in data:
        data = dict(data)
        wire.origin = limits.origin(data.pop("sentry.origin"))
    wire.data = data or None


def _status(status: Any, data: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """A status the server knows; one that it does not know is kept among the data."""
    if status is None:
        return None, data
    said = text(status)
    known = _STATUSES.get(said)
    if known is not None:
        return known, data
    return "unknown_error", {**data, "status": said}


def _error(event: ErrorEvent) -> dict[str, Any]:
    payload: dict[str, Any] = {name: value for name, value in event.other.items() if name != "type"}
    payload["event_id"] = event.event_id
    payload["timestamp"] = event.time / 1e9
    if event.exceptions:
        payload["exception"] = {"values": event.exceptions}
    if event.threads:
        payload["threads"] = {"values": event.threads}
    if event.logentry is not None:
        # The server takes `message` for another spelling of `logentry.formatted`; one of the two would be lost.
        said = {"formatted": event.message} if event.message is not None else {}
        payload["logentry"] = {**said, **event.logentry}
    elif event.message is not None:
        payload["message"] = event.message
    if event.logger is not None:
        payload["logger"] = limits.line(event.logger, limits.LOGGER)
    if event.modules:
        payload["modules"] = event.modules
    if event.transaction and event.transaction.strip():
        payload["transaction"] = limits.cut(event.transaction.strip(), limits.NAME)
        payload["transaction_info"] = {"source": limits.source(event.transaction_source)}
    if event.breadcrumbs:
        payload["breadcrumbs"] = {"values": [limits.crumb(crumb) for crumb in event.breadcrumbs]}
    _common(event, payload)
    payload["contexts"]["trace"] = _trace(event, event.op)
    if event.meta:
        add_meta(payload, event.meta)
    return payload


def _trace(event: Event, op: str | None) -> dict[str, Any]:
    trace: dict[str, Any] = {"trace_id": event.trace_id, "span_id": event.span_id}
    if event.parent_span_id is not None:
        trace["parent_span_id"] = event.parent_span_id
    if op is not None:
        trace["op"] = limits.cut(text(op), _OP)
    return trace


def _common(event: Event, payload: dict[str, Any]) -> dict[str, Any]:
    payload["platform"] = "python"
    contexts = payload["contexts"] = event.contexts.copy()
    contexts.pop("trace", None)
    if not _OBJECTS.issuperset(map(type, contexts.values())):  # the server takes no others
        payload["contexts"] = {name: context for name, context in contexts.items() if type(context) is dict}
    # Most of these are empty in most events, and a question costs less than an answer.
    if event.level:
        _put(payload, "level", limits.level(event.level))
    if event.tags:
        _put(payload, "tags", limits.tags(event.tags))
    if event.user:
        _put(payload, "user", limits.user(event.user))
    if event.request:
        payload["request"] = event.request
    if event.extra:
        payload["extra"] = event.extra
    if event.fingerprint:
        payload["fingerprint"] = event.fingerprint
    if event.release:
        _put(payload, "release", limits.release(event.release))
    if event.environment:
        _put(payload, "environment", limits.environment(event.environment))
    if event.dist:
        _put(payload, "dist", limits.dist(event.dist))
    if event.server_name:
        payload["server_name"] = limits.cut(event.server_name, limits.SERVER_NAME)
    if event.sdk:
        payload["sdk"] = event.sdk
    return payload


def _put(payload: dict[str, Any], name: str, value: Any) -> None:
    """Set what is left of a value."""
    if value:
        payload[name] = value
