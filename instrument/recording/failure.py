"""The exception that a block ended with: what it says of the span, and the note it carries to whoever captures it.

A note is a tuple of plain values, and of the trace's sampling context, which may be filled in later, in the exception's
own `__dict__`: it goes wherever the exception goes, also into another thread, and into another process by pickling.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._clock import ticks
from .status import is_control_flow, status_of_error

__all__ = ["Note", "mark_captured", "note", "note_of", "stand_for"]

_KEY = "__instrument__"
# Read from the slot: a class of the program's may bring a property of that name.
_dict_of = vars(BaseException)["__dict__"].__get__


class Note(NamedTuple):
    """Where an exception was raised: the ids of the innermost span that it left."""

    identity: int
    """`id` of the exception: a copy of it carries the note of the original, which does not count."""
    ticks: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    op: str | None
    transaction: str | None
    source: str | None
    event_id: str | None
    """The event it was captured as, once it was."""
    sampling_context: dict[str, str] | None = None
    """That of the span's trace, empty until it is frozen: who captures the exception may have no other way to it."""


def note(span: Any, kind: type[BaseException], error: BaseException | None) -> None:
    """Set the status of `span` by the exception it ended with, and note the span on the exception."""
    if error is None or is_control_flow(error):
        if issubclass(kind, GeneratorExit):
            span.set_data("abandoned", True)
        return
    span.status = status_of_error(kind)
    former = note_of(error)
    if former is None or former.ticks < span.start_ticks:
        transaction = span.transaction
        trace = transaction.trace if transaction is not None else span._segment.trace
        if transaction is span:
            trace.sampling_context(span.name, span.source)  # it ends now, and none that is unsampled is handed over
        _write(
            error,
            Note(
                id(error),
                ticks(),
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                span.op,
                transaction.name if transaction is not None else None,
                transaction.source if transaction is not None else None,
                None,
                trace.sampling_context_to_be,
            ),
        )


def note_of(error: BaseException) -> Note | None:
    """The note of this very exception, if it has one."""
    values = _attributes(error).get(_KEY)
    if type(values) is tuple and len(values) == len(Note._fields) and type(values[0]) is int:
        return Note._make(values) if values[0] == id(error) else None
    return None


def mark_captured(error: BaseException, place: Note) -> None:
    """Remember that the exception was captured, and as which event."""
    _write(error, place)


def stand_for(error: BaseException, other: BaseException) -> None:
    """Let `other`, which is shown in the place of `error`, carry its note."""
    noted = note_of(error)
    if noted is not None:
        _write(other, noted._replace(identity=id(other)))


def _write(error: BaseException, place: Note) -> None:
    _attributes(error)[_KEY] = tuple(place)


def _attributes(error: BaseException) -> dict[str, Any]:
    attributes: dict[str, Any] = _dict_of(error)
    return attributes
