"""Errors and messages: made into events that carry the trace they happened in, and dropped into the hub's sink."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from typing import Any

from .. import _clock, _guard, _ids
from .._value import Value
from .error_event import error_event, message_event, origin_of, traceback_of, user_event
from .event import ErrorEvent
from .failure import Note, mark_captured, note_of
from .hub import HUB, Hub
from .noop import is_suppressed
from .span import Span, here
from .values import text, type_name

__all__ = ["LogEntry", "capture_error", "capture_given", "capture_text"]


class LogEntry(Value):
    """A record of the program's log, as plain data."""

    logger: str
    template: str
    """The message before its parameters are put in; what groups records that are alike."""
    params: Any
    formatted: str
    extra: dict[str, Any]

    def put_on(self, event: ErrorEvent) -> None:
        """Say on an event that it was logged, and where."""
        event.message = None
        event.logger = self.logger
        event.logentry = {"message": self.template, "formatted": self.formatted}
        if self.params:
            event.logentry["params"] = self.params
        event.extra = {**self.extra, **event.extra}


def capture_error(
    error: BaseException | None,
    *,
    mechanism: str = "generic",
    handled: bool = True,
    level: str = "error",
    once: bool = False,
    entry: LogEntry | None = None,
) -> str | None:
    """Send `error`, or the exception being handled, as an event; its id, or `None` when it is not kept.

    It is not sent again when it was before; without `once` it is, from a span of another trace that began after that.
    `entry`: it was logged so.
    """
    error = _raised(error) if error is not None else sys.exc_info()[1]
    if error is None or is_suppressed() or not HUB.is_recording:
        return None
    made = _guard.guarded(
        "capture_exception", None, _capture_error, HUB, error, mechanism, handled, level, once=once, entry=entry
    )
    return made or None


def _raised(given: Any) -> BaseException | None:
    """The exception that the program means: also as `sys.exc_info()` has it. What is none is said once a minute."""
    found = given[1] if type(given) is tuple and len(given) == 3 else given
    if issubclass(type(found), BaseException):
        return found  # type: ignore[no-any-return]  # asked of its type, as the object may lie
    _guard.say("capture_exception", f"capture_exception got no exception but <{type_name(type(found))}>: not recorded")
    return None


def capture_text(message: str, level: str = "info", *, entry: LogEntry | None = None) -> str | None:
    """Send a message as an event."""
    if is_suppressed() or not HUB.is_recording:
        return None
    return _guard.guarded("capture_message", None, _capture_text, HUB, message, level, entry)


def capture_given(event: Mapping[str, Any]) -> str | None:
    """Send an event that the user built in the shape of the Sentry protocol."""
    if is_suppressed() or not HUB.is_recording:
        return None
    return _guard.guarded("capture_event", None, _capture_given, HUB, event)


def _capture_error(
    hub: Hub,
    error: BaseException,
    mechanism: str,
    handled: bool,
    level: str,
    *,
    once: bool,
    entry: LogEntry | None,
) -> str | None:
    place = _place(hub)
    noted = note_of(error)
    if noted is not None:
        if noted.event_id is not None and (once or not _is_raised_anew(noted, place)):
            return noted.event_id
        if noted.event_id is None:
            place = noted
    key = origin_of(error)
    if not _is_admitted(hub, key, f"{key[0]} in {key[1]}, line {key[2]}" if key[1] else key[0]):
        mark_captured(error, place._replace(identity=id(error), ticks=_clock.ticks(), event_id=""))
        return None
    event = error_event(
        error, **_identity(place), rules=hub.frame_rules, mechanism=mechanism, handled=handled, level=level
    )
    if entry is not None:
        entry.put_on(event)
    mark_captured(error, place._replace(identity=id(error), ticks=_clock.ticks(), event_id=event.event_id))
    return _capture(hub, event, place, {"exc_info": (type(error), error, traceback_of(error))})


def _is_raised_anew(noted: Note, place: Note) -> bool:
    """Whether an exception that was captured has since been raised elsewhere, as one that a module keeps may be."""
    span = here()
    return span is not None and noted.trace_id != place.trace_id and span.start_ticks > noted.ticks


def _capture_text(hub: Hub, message: str, level: str, entry: LogEntry | None) -> str | None:
    title = text(message)[:200]
    if not _is_admitted(hub, (title if entry is None else entry.template, text(level)), title):
        return None
    place = _place(hub)
    event = message_event(message, **_identity(place), level=level)
    if entry is not None:
        entry.put_on(event)
    return _capture(hub, event, place, {})


def _capture_given(hub: Hub, given: Mapping[str, Any]) -> str | None:
    place = _place(hub)
    return _capture(hub, user_event(given, **_identity(place)), place, {"event": given})


def _is_admitted(hub: Hub, key: Hashable, title: str) -> bool:
    """Whether this is not one of too many of its kind. One that is counts as dropped."""
    if hub.storms.is_due():
        hub.tell_storms()
    if hub.storms.admits(key, title):
        return True
    hub.books.count("errors", "started")
    hub.books.count("errors", "dropped:backpressure")
    return False


def _capture(hub: Hub, event: ErrorEvent, place: Note, hint: dict[str, Any]) -> str | None:
    scope = hub.scope
    event.op = place.op
    if event.transaction is None:
        named = (place.transaction, place.source) if place.transaction is not None else scope.unit()
        event.transaction, event.transaction_source = named
    span: Span | None = here()
    trace = span.transaction.trace if span is not None and span.transaction is not None else scope.trace
    if trace.id == event.trace_id:
        event.dynamic_sampling_context = trace.sampling_context(place.transaction, place.source) or None
        event.sampled = trace.sampled
        event.tracestate = trace.incoming.tracestate if trace.incoming is not None else None
    elif place.sampling_context:
        event.dynamic_sampling_context = dict(place.sampling_context)
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
