"""The parts of an event payload (Sentry event schema) that the store looks at, typed: decoding is quick, and checks."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Final

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

__all__ = [
    "ContextFields",
    "EventFields",
    "SpanFields",
    "TraceFields",
    "read_event",
    "read_outlines",
    "read_spans",
    "seconds",
]

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Moment = float | datetime.datetime


class TraceFields(Struct, frozen=True):
    """`contexts.trace`: the root span, or where an error happened."""

    trace_id: Id
    span_id: Id
    parent_span_id: str | None = None
    op: str | None = None
    status: str | None = None
    origin: str | None = None
    data: dict[str, Any] | None = None


class ProcessFields(Struct, frozen=True):
    """`contexts.process`: the service that the process is part of, and its number."""

    service: str | None = None
    pid: int | None = None


class ContextFields(Struct, frozen=True):
    """The contexts that matter here."""

    trace: TraceFields | None = None
    process: ProcessFields = ProcessFields()


class ExceptionFields(Struct, frozen=True):
    """What was raised."""

    type: str | None = None
    value: str | None = None


class ExceptionList(Struct, frozen=True):
    """The chain of exceptions, the raised one last."""

    values: list[ExceptionFields] = []


class LogFields(Struct, frozen=True):
    """A message with its parameters put in, or still to be."""

    message: str | None = None
    formatted: str | None = None


class EventFields(Struct, frozen=True):
    """A transaction or an error."""

    event_id: Id
    timestamp: Moment
    type: str | None = None
    start_timestamp: Moment | None = None
    contexts: ContextFields = ContextFields()
    transaction: str | None = None
    spans: Raw = Raw(b"[]")
    level: str | None = None
    server_name: str | None = None
    message: str | None = None
    logentry: LogFields | None = None
    exception: ExceptionList | None = None
    tags: dict[str, Any] | None = None
    measurements: dict[str, Any] | None = None


class SpanOutline(Struct, frozen=True):
    """As much of a span as a list of traces wants to know."""

    span_id: Id
    start_timestamp: Moment
    timestamp: Moment
    op: str | None = None
    status: str | None = None


class SpanFields(Struct, frozen=True):
    """A span, whole."""

    span_id: Id
    start_timestamp: Moment
    timestamp: Moment
    op: str | None = None
    status: str | None = None
    parent_span_id: str | None = None
    description: str | None = None
    origin: str | None = None
    data: dict[str, Any] | None = None
    tags: dict[str, Any] | None = None
    measurements: dict[str, Any] | None = None


read_event: Final = Decoder(EventFields).decode
read_outlines: Final = Decoder(list[SpanOutline]).decode
read_spans: Final = Decoder(list[SpanFields]).decode


def seconds(moment: Moment) -> float:
    """Unix seconds of a timestamp, which may be a number or RFC 3339 text."""
    if isinstance(moment, float):
        return moment
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp()
