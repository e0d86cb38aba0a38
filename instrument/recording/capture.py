"""Errors and messages: made into events that carry the trace they happened in, and dropped into the hub's sink."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from .. import _clock, _guard, _ids
from .error_event import error_event, message_event, user_event
from .event import ErrorEvent
from .failure import Note, mark_captured, note_of
from .hub import HUB, Hub
from .noop import is_suppressed
from .span import Span, here

__all__ = ["capture_error", "capture_given", "capture_text"]


def capture_error(error: BaseException | None, *, mechanism: str = "generic", handled: bool = True) -> str | None:
    """Send `error`, or the exception being handled, as an event; its id, or `None` when it is not kept."""
    error = error if error is not None else sys.exc_info()[1]
    if error is None or is_suppressed() or not HUB.is_recording:
        return None
    return _guard.guarded("capture_exception", None, _capture_error, HUB, error, mechanism, handled)


def capture_text(message: str, level: str = "info") -> str | None:
    """Send a message as an event."""
    if is_suppressed() or not HUB.is_recording:
        return None
    return _guard.guarded("capture_message", None, _capture_text, HUB, message, level)


def capture_given(event: Mapping[str, Any]) -> str | None:
    """Send an event that the user built in the shape of the Sentry protocol."""
    if is_suppressed() or not HUB.is_recording:
        return None
    return _guard.guarded("capture_event", None, _capture_given, HUB, event)


def _capture_error(hub: Hub, error: BaseException, mechanism: str, handled: bool) -> str | None:
    place = _place(hub)
    noted = note_of(error)
    if noted is not None:
        if noted.event_id is not None and noted.trace_id == place.trace_id:
            return noted.event_id
        if noted.event_id is None:
            place = noted
    event = error_event(error, **_identity(place), rules=hub.frame_rules, mechanism=mechanism, handled=handled)
    mark_captured(error, place._replace(identity=id(error), ticks=_clock.ticks(), event_id=event.event_id))
    return _capture(hub, event, place, {"exc_info": (type(error), error, error.__traceback__)})


def _capture_text(hub: Hub, message: str, level: str) -> str | None:
    place = _place(hub)
    return _capture(hub, message_event(message, **_identity(place), level=level), place, {})


def _capture_given(hub: Hub, given: Mapping[str, Any]) -> str | None:
    place = _place(hub)
    return _capture(hub, user_event(given, **_identity(place)), place, {"event": given})


def _capture(hub: Hub, event: ErrorEvent, place: Note, hint: dict[str, Any]) -> str | None:
    scope = hub.scope
    event.op = place.op
    if event.transaction is None:
        event.transaction, event.transaction_source = place.transaction, place.source
    span: Span | None = here()
    trace = span.transaction.trace if span is not None and span.transaction is not None else scope.trace
    if trace.id == event.trace_id:
        event.dynamic_sampling_context = trace.sampling_context(place.transaction, place.source) or None
    hub.books.count("errors", "started")
    return hub.client.capture(event, {"scope": scope, **hint})


def _identity(place: Note) -> dict[str, Any]:
    return {
        "event_id": _ids.event_id(),
        "time": _clock.wall(),
        "trace_id": place.trace_id,
        "span_id": place.span_id,
        "parent_span_id": place.parent_span_id,
    }


def _place(hub: Hub) -> Note:
    """Where this context is: in a span, or in the scope's own trace."""
    span: Span | None = here()
    if span is None or not span.span_id:
        scope = hub.scope
        trace = scope.trace
        return Note(0, 0, trace.id, scope.span_id, trace.parent_span_id, None, None, None, None)
    transaction = span.transaction
    return Note(
        0,
        0,
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.op,
        transaction.name if transaction is not None else None,
        transaction.source if transaction is not None else None,
        None,
    )
