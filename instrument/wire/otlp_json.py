"""The messages of OTLP as JSON: ids in hex, times and integers as text, kinds and statuses as numbers.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from math import isfinite, isnan
from typing import Any, Final

import msgspec
from msgspec import Struct

from .otlp_span import OtlpEvent, OtlpSpan
from .otlp_value import attribute

__all__ = ["join", "read_response", "record", "resource"]

OPENING: Final = b'{"resourceSpans":['
CLOSING: Final = b"]}"


class _Event(Struct, rename="camel", omit_defaults=True, gc=False):
    time_unix_nano: str
    name: str
    attributes: list[dict[str, Any]] = []


class _Status(Struct, omit_defaults=True, gc=False):
    code: int
    message: str = ""


class _Span(Struct, rename="camel", omit_defaults=True, gc=False):
    trace_id: str
    span_id: str
    name: str
    kind: int
    start_time_unix_nano: str
    end_time_unix_nano: str
    flags: int
    parent_span_id: str = ""
    attributes: list[dict[str, Any]] = []
    dropped_attributes_count: int = 0
    events: list[_Event] = []
    dropped_events_count: int = 0
    status: _Status | None = None
    trace_state: str = ""


_encode = msgspec.json.Encoder().encode


def resource(attributes: dict[str, Any]) -> bytes:
    """What the spans of a record were recorded by."""
    return _encode({"attributes": _attributes(attributes)})


def record(resource: bytes, scope: tuple[str, str], spans: list[OtlpSpan]) -> bytes:
    """A whole request with these spans."""
    name, version = scope
    scoped = {"scope": {"name": name, "version": version}, "spans": [_span(span) for span in spans]}
    return _encode({"resourceSpans": [{"resource": msgspec.Raw(resource), "scopeSpans": [scoped]}]})


def join(records: list[bytes]) -> bytes:
    """All of them as one request: what stands between the brackets of each."""
    within = [one[len(OPENING) : -len(CLOSING)] for one in records]
    return b"".join([OPENING, b",".join(within), CLOSING])


def _span(span: OtlpSpan) -> _Span:
    return _Span(
        span.trace_id,
        span.span_id,
        span.name,
        span.kind,
        str(span.start),
        str(span.end),
        span.flags,
        span.parent_id,
        _attributes(span.attributes),
        span.dropped_attributes,
        [_event(event) for event in span.events],
        span.dropped_events,
        _Status(span.status, span.message) if span.status else None,
        span.trace_state,
    )


def _event(event: OtlpEvent) -> _Event:
    return _Event(str(event.time), event.name, _attributes(event.attributes))


def _attributes(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items() if value is not None]


def _value(given: Any) -> dict[str, Any]:
    value: Any = attribute(given)
    kind = type(value)
    if kind is str:
        return {"stringValue": value}
    if kind is bool:
        return {"boolValue": value}
    if kind is int:
        return {"intValue": str(value)}
    if kind is list:
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"doubleValue": value if isfinite(value) else _not_finite(value)}


def _not_finite(value: float) -> str:
    if isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def read_response(body: bytes) -> tuple[int, str]:
    """How many spans were rejected and what is said of it. Raises `ValueError` for what is no response."""
    found = msgspec.json.decode(body) if body.strip() else {}
    partial = found.get("partialSuccess") if type(found) is dict else None
    if type(partial) is not dict:
        return 0, ""
    rejected, message = partial.get("rejectedSpans", 0), partial.get("errorMessage", "")
    return int(rejected) if type(rejected) in (int, str) else 0, message if type(message) is str else ""
