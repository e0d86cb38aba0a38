"""OTLP, OpenTelemetry's protocol: each item as a request of its own, and many of them as one.

https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import os
import struct
import sys
from itertools import islice
from typing import Any, Final, Literal

from .._version import version
from ..recording import ErrorEvent, Event, TransactionEvent, plain, spans_of, text
from . import otlp_json, otlp_protobuf
from .otlp_error import of_error
from .otlp_lean import lean_json, lean_protobuf
from .otlp_span import OtlpEvent, OtlpSpan, of_transaction

__all__ = ["OtlpCodec", "OtlpEncoding", "rejected_spans"]

OtlpEncoding = Literal["protobuf", "json"]

CONTENT_TYPES: Final = {"protobuf": "application/x-protobuf", "json": "application/json"}
MOST_RECORDS: Final = 1000
MOST_ATTRIBUTES: Final = 128
MOST_EVENTS: Final = 128
"""Of one span, as OpenTelemetry's own limits are by default."""

BUDGET_BYTES: Final = 10_000_000
"""Of one record, half of what receivers take by default. What is larger loses its largest attributes, and no span."""

MOST_RESOURCES: Final = 16
_LATEST: Final = 2**63 - 1
_REFUSALS: Final = (TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError, struct.error)


class OtlpCodec:
    """Items as spans for a receiver of OTLP. `resource` has attributes of this process beside those that items tell."""

    max_records = MOST_RECORDS

    def __init__(self, encoding: OtlpEncoding = "protobuf", resource: dict[str, str] | None = None) -> None:
        self.content_type = CONTENT_TYPES[encoding]
        self._writer: Any = otlp_json if encoding == "json" else otlp_protobuf
        self._given = resource or {}
        self._scope = ("instrument", version())
        self._resources: dict[tuple[Any, ...], bytes] = {}

    def records(self, item: Event) -> list[tuple[int, bytes]]:
        """The record of the item and how many spans it holds; 0 for an error, which is a span only here."""
        return [(spans_of(item), self.encode(item))]

    def encode(self, item: Event) -> bytes:
        """The item's spans and what they were recorded by, as a request that could be sent alone."""
        spans = _spans(item)
        try:
            return self._within_budget(self._resource(item), spans)
        except _REFUSALS:
            # A hook of the program's has put in what no encoding can say, or text that is no Unicode.
            resource = self._writer.resource(_clean_mapping({**self._given, **_resource(item)}))
            return self._within_budget(resource, [_cleaned(span) for span in spans])

    def join(self, records: list[bytes]) -> bytes:
        """One request with all their spans."""
        joined: bytes = self._writer.join(records)
        return joined

    def lean(self, record: bytes) -> bytes | None:
        """The record at about half its size, for a receiver that finds it too large; `None` when that cannot be."""
        return lean_json(record) if self._writer is otlp_json else lean_protobuf(record)

    def _within_budget(self, resource: bytes, spans: list[OtlpSpan]) -> bytes:
        written: bytes = self._writer.record(resource, self._scope, spans)
        while len(written) > BUDGET_BYTES:
            smaller = self.lean(written)
            if smaller is None:
                break
            written = smaller
        return written

    def _resource(self, item: Event) -> bytes:
        """Written once for all items that have the same."""
        known = _resource(item)
        key = tuple(known.values())
        written = self._resources.get(key)
        if written is None:
            if len(self._resources) >= MOST_RESOURCES:
                self._resources.clear()
            written = self._resources[key] = self._writer.resource({**self._given, **known})
        return written


def _resource(item: Event) -> dict[str, Any]:
    """What an item says of where it was recorded. The names are always the same ones."""
    process, runtime = (_mapping(item.contexts.get(name)) for name in ("process", "runtime"))
    sdk = _mapping(item.sdk)
    return {
        "service.name": process.get("service") or _unnamed_service(),
        "service.version": item.release,
        "deployment.environment.name": item.environment,
        "host.name": item.server_name,
        "process.pid": process.get("pid"),
        "process.runtime.name": runtime.get("name"),
        "process.runtime.version": runtime.get("version"),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": sdk.get("name"),
        "telemetry.sdk.version": sdk.get("version"),
    }


def _mapping(given: Any) -> dict[str, Any]:
    return given if type(given) is dict else {}


def _unnamed_service() -> str:
    name = os.path.basename(sys.executable or "")
    return f"unknown_service:{name}" if name else "unknown_service"


def _spans(item: Event) -> list[OtlpSpan]:
    if isinstance(item, TransactionEvent):
        spans = of_transaction(item)
    elif isinstance(item, ErrorEvent):
        spans = [of_error(item)]
    else:
        spans = []
    for span in spans:
        surplus = len(span.attributes) - MOST_ATTRIBUTES
        if surplus > 0:
            span.attributes = dict(islice(span.attributes.items(), MOST_ATTRIBUTES))
            span.dropped_attributes = surplus
        if len(span.events) > MOST_EVENTS:
            span.dropped_events = len(span.events) - MOST_EVENTS
            span.events = span.events[-MOST_EVENTS:]
    return spans


def _cleaned(span: OtlpSpan) -> OtlpSpan:
    """The same of plain values, in place."""
    span.trace_id, span.span_id = _id(span.trace_id, 32), _id(span.span_id, 16)
    span.parent_id = _id(span.parent_id, 16) if span.parent_id else ""
    span.name, span.message, span.trace_state = text(span.name), text(span.message), text(span.trace_state)
    span.start, span.end = _moment(span.start), _moment(span.end)
    span.attributes = _clean_mapping(span.attributes)
    span.events = [
        OtlpEvent(_moment(event.time), text(event.name), _clean_mapping(event.attributes)) for event in span.events
    ]
    return span


def _clean_mapping(given: dict[str, Any]) -> dict[str, Any]:
    return {text(name): plain(value) for name, value in given.items()}


def _id(given: Any, length: int) -> str:
    """`given` if it can be an id, else one that is made of it."""
    if type(given) is str and len(given) == length and not set(given) - set("0123456789abcdef"):
        return given
    return f"1{text(given).encode().hex()}".ljust(length, "0")[:length]


def _moment(given: Any) -> int:
    return min(max(given, 0), _LATEST) if type(given) is int else 0


def rejected_spans(content_type: str, body: bytes) -> tuple[int, str]:
    """Of the answer to a request that was taken: how many spans were not, and what the receiver says of it."""
    if not body:
        return 0, ""
    read = otlp_json.read_response if "json" in content_type.lower() else otlp_protobuf.read_response
    try:
        rejected, message = read(body)
    except (ValueError, RecursionError):
        return 0, ""  # it was taken; what else is said of it nobody can tell
    return max(0, rejected), message
