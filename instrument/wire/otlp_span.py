"""Transactions as spans of OpenTelemetry: names, kinds, statuses, attributes.

Names of attributes are those of the semantic conventions (https://opentelemetry.io/docs/specs/semconv/); what the
conventions have no name for keeps ours, and what only Sentry knows begins with `sentry.`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from ..recording import Event, TransactionEvent, status_of_http, text
from . import limits
from .otlp_http import describe_client, describe_request, describe_server

__all__ = [
    "ERROR",
    "INTERNAL",
    "LOCAL_PARENT",
    "PLACE_KNOWN",
    "UNSET",
    "OtlpEvent",
    "OtlpSpan",
    "cut",
    "of_transaction",
    "shared_attributes",
]

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
UNSET, OK, ERROR = 0, 1, 2
SAMPLED, PLACE_KNOWN, REMOTE = 0x001, 0x100, 0x200
LOCAL_PARENT: Final = SAMPLED | PLACE_KNOWN
REMOTE_PARENT: Final = SAMPLED | PLACE_KNOWN | REMOTE
UNNAMED: Final = "<unlabeled span>"
NAME: Final = 1024

RENAMED: Final = {
    "code.filepath": "code.file.path",
    "code.function": "code.function.name",
    "code.lineno": "code.line.number",
    "db.name": "db.namespace",
    "db.operation": "db.operation.name",
    "db.sql.table": "db.collection.name",
    "db.statement": "db.query.text",
    "db.system": "db.system.name",
    "http.fragment": "url.fragment",
    "http.method": "http.request.method",
    "http.query": "url.query",
    "http.status_code": "http.response.status_code",
}
"""Names that the conventions have given up, and those in their place."""

_STATEMENT: Final = re.compile(
    r"\s*(select|insert|update|delete|replace|merge|create|drop|alter|truncate)\b"
    r"(?:.*?\b(?:from|into|table|index|view)|(?<=update))\s+(?:if\s+(?:not\s+)?exists\s+)?[\"`\[]?([\w.$]+)",
    re.IGNORECASE | re.DOTALL,
)
_PREFIXES: Final = (
    ("queue.submit", PRODUCER),
    ("queue.task", CONSUMER),
    ("cache.", CLIENT),
    ("db", CLIENT),
)
_KINDS: Final = {
    "http.server": SERVER,
    "websocket.server": SERVER,
    "grpc.server": SERVER,
    "http.client": CLIENT,
    "grpc.client": CLIENT,
    "queue.publish": PRODUCER,
    "queue.process": CONSUMER,
}


class OtlpEvent(Struct, gc=False):
    """A moment of a span. `time` is in nanoseconds since 1970-01-01 UTC."""

    time: int
    name: str
    attributes: dict[str, Any]


class OtlpSpan(Struct, gc=False):
    """A span with the fields of the protocol, before it is written in one of the two encodings.

    Ids are hex text, an absent parent is empty text, times are nanoseconds since 1970-01-01 UTC.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start: int
    end: int
    attributes: dict[str, Any]
    status: int = UNSET
    message: str = ""
    flags: int = LOCAL_PARENT
    dropped_attributes: int = 0
    events: list[OtlpEvent] = []
    dropped_events: int = 0
    trace_state: str = ""


def of_transaction(event: TransactionEvent) -> list[OtlpSpan]:
    """The transaction's own span, and those below it in the order they were started."""
    spans = [_root(event)]
    trace_id, epoch = event.trace_id, event.epoch
    for span in event.spans:
        start, end = span.start_ticks, span.end_ticks
        if end is None or end < start:
            end = start
        parent = span._parent
        made = OtlpSpan(
            trace_id,
            span._id or span.span_id,
            parent if type(parent) is str else span.parent_span_id or "",
            "",
            INTERNAL,
            epoch + start,
            epoch + end,
            span.data or {},
        )
        _describe(made, span.op, span.description, span.status)
        if span.tags or span.measurements:
            _add(made.attributes, span.tags or {})
            _add_measurements(made.attributes, span.measurements or {})
        spans.append(made)
    if event.tracestate:
        for made in spans:
            made.trace_state = event.tracestate
    return spans


def _root(event: TransactionEvent) -> OtlpSpan:
    given = event.data if event.origin == "manual" else {"sentry.origin": event.origin, **event.data}
    end = max(event.end, event.time)
    root = OtlpSpan(event.trace_id, event.span_id, event.parent_span_id or "", "", INTERNAL, event.time, end, given)
    _describe(root, event.op, event.description, event.status)
    name = text(event.name).strip() or "<unlabeled transaction>"
    source = limits.source(event.source)
    _add_measurements(root.attributes, event.measurements)
    _add(root.attributes, shared_attributes(event))
    if root.kind == SERVER:
        name = describe_server(root.attributes, name, source)
    root.name = cut(name)
    root.attributes["sentry.segment.name.source"] = source
    if root.parent_id:
        # A later part of a trace looks like this too, and its parent ran here.
        root.flags = REMOTE_PARENT if root.kind in (SERVER, CONSUMER) else SAMPLED
    return root


def _describe(span: OtlpSpan, op: Any, description: Any, status: Any) -> None:
    """Fill in name, kind, status and attributes from our words. `span.attributes` are the data as recorded."""
    data = span.attributes
    attributes = {RENAMED.get(key, key): value for key, value in data.items()} if type(data) is dict else {}
    span.attributes = attributes
    name = op = text(op) if op is not None else ""
    if op:
        attributes["sentry.op"] = op
        span.kind = kind_of(op)
    if description is not None:
        name = text(description) or name
        if span.kind == CLIENT:
            name = _short_name(op, name, attributes)
    span.name = cut(name) or UNNAMED
    if status is not None:
        said = text(status)
        _judge(span, limits.STATUSES.get(said, said), attributes)


def _judge(span: OtlpSpan, status: str, attributes: dict[str, Any]) -> None:
    """A failing status is an error, except a request of a client's that could not be fulfilled, for the server."""
    code = attributes.get("http.response.status_code")
    if type(code) is not int:
        code = None
    if status == "ok":
        # Instrumentation leaves it open; only the program itself may say that all is well.
        span.status = OK if code is None and "sentry.origin" not in attributes else UNSET
        return
    if span.kind == SERVER and code is not None and 400 <= code < 500 and status == status_of_http(code):
        return
    span.status = ERROR
    span.message = status
    attributes.setdefault("error.type", str(code) if code is not None and code >= 400 else status)


def _short_name(op: str, said: str, attributes: dict[str, Any]) -> str:
    """A name that many spans share. What was said in full becomes the attribute that is meant for it."""
    if op == "http.client":
        return describe_client(attributes) or said
    if op.startswith("db"):
        summary = summary_of(said[:NAME])
        if summary is not None:
            attributes.setdefault("db.query.text", said)
            return summary
    return said


def shared_attributes(event: Event) -> dict[str, Any]:
    """What any item says of itself beside what happened: tags, the user, the request, contexts."""
    attributes: dict[str, Any] = {**event.tags}
    for name, value in (event.user or {}).items():
        attributes[_USER.get(name, f"user.{name}")] = value
    if event.request:
        _add(attributes, describe_request(event.request))
    for name, context in event.contexts.items():
        if name not in _OF_RESOURCE and type(context) is dict:
            for key, value in context.items():
                attributes[f"{name}.{key}"] = value
    attributes.pop("response.status_code", None)  # it is an attribute of the span by its own name
    _add(attributes, event.extra)
    if event.dist:
        attributes["sentry.dist"] = event.dist
    return attributes


_USER: Final = {"username": "user.name", "ip_address": "client.address"}
_OF_RESOURCE: Final = frozenset({"process", "runtime", "trace"})


def _add(attributes: dict[str, Any], more: dict[str, Any]) -> None:
    """What is there already stays."""
    if type(more) is dict:
        for key, value in more.items():
            attributes.setdefault(RENAMED.get(key, key), value)


def _add_measurements(attributes: dict[str, Any], measurements: dict[str, dict[str, Any]]) -> None:
    if type(measurements) is dict:
        for name, measured in measurements.items():
            if type(measured) is dict and "value" in measured:
                attributes.setdefault(name, measured["value"])
                if measured.get("unit"):
                    attributes.setdefault(f"{name}.unit", measured["unit"])


@lru_cache(maxsize=256)
def kind_of(op: str) -> int:
    """Which side of a call a span with this op is."""
    found = _KINDS.get(op)
    if found is None:
        found = next((kind for prefix, kind in _PREFIXES if op.startswith(prefix)), INTERNAL)
    return found


@lru_cache(maxsize=512)
def summary_of(statement: str) -> str | None:
    """`SELECT items` for a statement that reads from one table; `None` where that cannot be told."""
    found = _STATEMENT.match(statement)
    return None if found is None else f"{found[1].upper()} {found[2]}"


def cut(name: str) -> str:
    """A name of a length that a page can show."""
    return name if len(name) <= NAME else name[: NAME - 3] + "..."
