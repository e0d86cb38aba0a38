"""Errors as spans of OpenTelemetry.

The protocol's traces know an exception only as an event of a span, and the span that it was raised in may have left
already or be unfinished. So an error is a span of its own, without a duration, below the span it happened in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..recording import ErrorEvent, text
from .otlp_span import ERROR, INTERNAL, LOCAL_PARENT, PLACE_KNOWN, UNSET, OtlpEvent, OtlpSpan, cut, shared_attributes

__all__ = ["of_error"]

STACK_LENGTH: Final = 64 * 1024
LAST_SECOND: Final = 10**10
LINKS: Final = {
    "__cause__": "\nThe above exception was the direct cause of the following exception:\n\n",
    "__context__": "\nDuring handling of the above exception, another exception occurred:\n\n",
}
MEMBER: Final = "\nThe above exception belongs to the following one:\n\n"


def of_error(event: ErrorEvent) -> OtlpSpan:
    """The error as a span with the event `exception`, or `message` where there is none; breadcrumbs are events too."""
    attributes: dict[str, Any] = {"sentry.event_id": event.event_id}
    happened = OtlpEvent(event.time, "message", {})
    said = _message(event)
    if event.exceptions:
        raised = event.exceptions[-1]
        kind = _qualified(raised)
        said = text(raised.get("value") or "")
        happened.name, name = "exception", kind
        happened.attributes = {"exception.type": kind, "exception.message": said, "exception.stacktrace": _stack(event)}
        attributes["error.type"] = kind
    else:
        name = text(event.logger or "message")
        happened.attributes["message"] = said
    found = {"level": event.level, "logger.name": event.logger, "message": _message(event)}
    found |= {"sentry.transaction": event.transaction, "sentry.op": event.op}
    attributes.update((key, value) for key, value in found.items() if value)
    for key, value in shared_attributes(event).items():
        attributes.setdefault(key, value)
    is_alone = _is_alone(event)
    failed = event.level in ("error", "fatal") if event.level else bool(event.exceptions)
    return OtlpSpan(
        trace_id=event.trace_id,
        span_id=event.event_id[:16],
        parent_id="" if is_alone else _parent(event),
        name=cut(name),
        kind=INTERNAL,
        start=event.time,
        end=event.time,
        attributes=attributes,
        status=ERROR if failed else UNSET,
        message=said if failed else "",
        flags=PLACE_KNOWN if is_alone else LOCAL_PARENT,
        events=[*(_crumb(crumb, event.time) for crumb in event.breadcrumbs), happened],
        trace_state=event.tracestate or "",
    )


def _is_alone(event: ErrorEvent) -> bool:
    """Whether nothing else of its trace is recorded, so that its parent will never be seen."""
    if event.sampled is not None:
        return not event.sampled
    return (event.dynamic_sampling_context or {}).get("sampled") == "false"


def _parent(event: ErrorEvent) -> str:
    """The span it happened in; outside of any, the caller's, as the id of the scope is no span's."""
    is_inside = event.op is not None or event.transaction is not None
    return event.span_id if is_inside else event.parent_span_id or ""


def _message(event: ErrorEvent) -> str:
    entry = event.logentry or {}
    return text(event.message or entry.get("formatted") or entry.get("message") or "")


def _qualified(value: dict[str, Any]) -> str:
    kind, module = text(value.get("type") or "Exception"), value.get("module")
    return f"{module}.{kind}" if type(module) is str and module not in ("", "builtins") else kind


def _stack(event: ErrorEvent) -> str:
    """The exceptions with their frames as Python prints them, oldest first; the end of it where it is long."""
    parts: list[str] = []
    link = ""
    for value in event.exceptions:
        parts += [link, *_frames(value), _qualified(value)]
        said = text(value.get("value") or "")
        parts.append(f": {said}\n" if said else "\n")
        mechanism = value.get("mechanism")
        link = LINKS.get(text(mechanism.get("source")) if type(mechanism) is dict else "", MEMBER)
    whole = "".join(parts)
    return whole if len(whole) <= STACK_LENGTH else "...\n" + whole[-STACK_LENGTH:]


def _frames(value: dict[str, Any]) -> Iterator[str]:
    held = value.get("stacktrace")
    frames = held.get("frames") if type(held) is dict else None
    if type(frames) is not list or not frames:
        return
    yield "Traceback (most recent call last):\n"
    for frame in frames:
        if type(frame) is dict:
            path, line = frame.get("abs_path") or frame.get("filename"), frame.get("lineno")
            yield f'  File "{text(path)}", line {text(line)}, in {text(frame.get("function"))}\n'
            if frame.get("context_line"):
                yield f"    {text(frame['context_line']).strip()}\n"


def _crumb(crumb: dict[str, Any], fallback: int) -> OtlpEvent:
    """A breadcrumb as an event. A time that is not in seconds since 1970 is that of the error."""
    attributes: dict[str, Any] = {}
    for name, value in crumb.items():
        if name == "data" and type(value) is dict:
            attributes.update(value)
        elif name not in ("timestamp", "category"):
            attributes[name] = value
    name = text(crumb.get("category") or crumb.get("type") or "breadcrumb")
    seconds: Any = crumb.get("timestamp")
    is_time = type(seconds) in (int, float) and 0 <= seconds < LAST_SECOND
    return OtlpEvent(int(seconds * 1e6) * 1000 if is_time else fallback, cut(name), attributes)
