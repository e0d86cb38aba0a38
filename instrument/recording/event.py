"""What leaves recording: a finished transaction or an error, as plain data that stages may change and exporters read.

Every container in here is made of exact builtin types (see `values.plain`), bounded when it was captured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .._books import Books
from .._value import Draft, made

if TYPE_CHECKING:
    from .span import Span

__all__ = ["ErrorEvent", "Event", "TransactionEvent", "count_event", "spans_of"]


class Event(Draft):
    """What transactions and errors have in common."""

    kind: ClassVar[Literal["transaction", "error"]]
    event_id: str
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    time: int
    """When it began, or happened: nanoseconds since 1970-01-01 UTC."""
    level: str | None = None
    tags: dict[str, str] = made(dict)
    contexts: dict[str, dict[str, Any]] = made(dict)
    extra: dict[str, Any] = made(dict)
    user: dict[str, Any] | None = None
    request: dict[str, Any] | None = None
    breadcrumbs: list[dict[str, Any]] = made(list)
    fingerprint: list[str] | None = None
    release: str | None = None
    environment: str | None = None
    dist: str | None = None
    server_name: str | None = None
    sdk: dict[str, Any] | None = None
    dynamic_sampling_context: dict[str, str] | None = None
    """The envelope's `trace` header: text values only; `None` when another service froze an empty one."""
    tracestate: str | None = None
    """What other vendors have in the trace, as W3C's header of this name came in."""
    meta: dict[str, Any] = made(dict)
    """What was removed or cut, as the Sentry protocol's `_meta`: the payload's tree, with the remarks under `""`."""


class TransactionEvent(Event):
    """A finished transaction with its finished spans, as exporters receive it."""

    kind = "transaction"
    name: str
    source: str = "custom"
    op: str | None = None
    description: str | None = None
    status: str | None = None
    origin: str = "manual"
    end: int
    """Nanoseconds since 1970-01-01 UTC; never before `time`."""
    epoch: int
    """Add it to a span's `start_ticks` or `end_ticks` for nanoseconds since 1970-01-01 UTC."""
    data: dict[str, Any] = made(dict)
    measurements: dict[str, dict[str, Any]] = made(dict)
    spans: list[Span] = made(list)

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return (self.end - self.time) / 1e9


class ErrorEvent(Event):
    """An exception or a message, as exporters receive it."""

    kind = "error"
    message: str | None = None
    logger: str | None = None
    logentry: dict[str, Any] | None = None
    exceptions: list[dict[str, Any]] = made(list)
    """Exception values of the Sentry protocol, the raised one last."""
    threads: list[dict[str, Any]] = made(list)
    modules: dict[str, str] = made(dict)
    transaction: str | None = None
    transaction_source: str | None = None
    op: str | None = None
    """The op of the span it happened in."""
    sampled: bool | None = None
    """Whether the trace it happened in is recorded; `None` where nobody has decided."""
    other: dict[str, Any] = made(dict)
    """Fields of an event that the user built by hand and that have no field here."""


def spans_of(item: Event) -> int:
    """How many spans an item holds, its root included."""
    return len(item.spans) + 1 if isinstance(item, TransactionEvent) else 0


def count_event(books: Books, item: Event, outcome: str, spans: int | None = None) -> None:
    """Enter an item and its spans in the books: as many as it holds, or as were known before a hook had it."""
    if item.kind == "transaction":
        books.enter((("transactions", outcome, 1), ("spans", outcome, spans_of(item) if spans is None else spans)))
    else:
        books.count("errors", outcome)
