"""The verbs a user calls."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, overload

from . import _guard
from ._books import Stats
from .propagation import html_meta
from .recording import (
    HUB,
    Hub,
    Scope,
    ScopeBlock,
    Span,
    SuppressBlock,
    Transaction,
    begin_transaction,
    capture_error,
    capture_given,
    capture_text,
    here,
    is_suppressed,
    span,
    traced,
    transaction,
)

__all__ = [
    "add_breadcrumb",
    "capture_event",
    "capture_exception",
    "capture_message",
    "configure_scope",
    "continue_trace",
    "flush",
    "get_current_hub",
    "get_current_scope",
    "get_current_span",
    "get_current_transaction",
    "isolated_scope",
    "push_scope",
    "set_context",
    "set_extra",
    "set_tag",
    "set_user",
    "span",
    "start_transaction",
    "stats",
    "suppress",
    "trace_headers",
    "trace_meta",
    "traced",
    "transaction",
]


def start_transaction(
    op: str | None = None,
    name: str | None = None,
    *,
    source: str = "custom",
    headers: Any = None,
    sampled: bool | None = None,
    data: Mapping[str, Any] | None = None,
    sampling_context: Mapping[str, Any] | None = None,
) -> Transaction:
    """Start a transaction without putting it anywhere.

    Use it where a `with` block does not fit: put it on a scope, or pass it on, and call `finish()` at the end.

        >>> tx = start_transaction("task", "resize image")
        >>> configure_scope(lambda scope: scope.set_span(tx))
        >>> tx.finish()

    With `headers` (any mapping, a WSGI environ or an ASGI list) it continues the trace they carry. `sampled` overrides
    the sampler and the rates. `sampling_context` is added to what a `traces_sampler` is given.
    """
    return begin_transaction(
        op,
        name,
        source=source,
        headers=headers,
        sampled=sampled,
        data=data,
        sampling_context=sampling_context,
        frame=sys._getframe(1),
    )


def continue_trace(
    headers: Any,
    op: str | None = None,
    name: str | None = None,
    *,
    source: str = "custom",
    sampled: bool | None = None,
    data: Mapping[str, Any] | None = None,
    sampling_context: Mapping[str, Any] | None = None,
) -> Transaction:
    """Start a transaction that continues the trace in the headers of an incoming request or message.

        >>> tx = continue_trace({"sentry-trace": "0123456789abcdef0123456789abcdef-0123456789abcdef-1"}, "task")
        >>> tx.trace_id
        '0123456789abcdef0123456789abcdef'

    Headers that are missing or malformed begin a new trace.
    """
    return begin_transaction(
        op,
        name,
        source=source,
        headers={} if headers is None else headers,
        sampled=sampled,
        data=data,
        sampling_context=sampling_context,
        frame=sys._getframe(1),
    )


def get_current_hub() -> Hub:
    """The hub: `.client` takes what is finished, `.scope` is the scope of this context."""
    return HUB


def get_current_scope() -> Scope:
    """The scope of this context."""
    return HUB.scope


def get_current_span() -> Span | None:
    """The span that is current here, or `None`."""
    return here()


def get_current_transaction() -> Transaction | None:
    """The transaction that is running here, or `None`."""
    current = here()
    return current.transaction if current is not None else None


class _ScopeInPlace:
    """`with configure_scope() as scope`: the scope itself, nothing to undo."""

    def __enter__(self) -> Scope:
        return HUB.scope

    def __exit__(self, *_: object) -> None:
        pass


@overload
def configure_scope(callback: Callable[[Scope], Any]) -> None: ...
@overload
def configure_scope(callback: None = None) -> _ScopeInPlace: ...
def configure_scope(callback: Callable[[Scope], Any] | None = None) -> _ScopeInPlace | None:
    """Change the current scope for good: by a callback, or in a `with` block.

    >>> configure_scope(lambda scope: scope.set_tag("region", "north"))
    >>> with configure_scope() as scope:
    ...     scope.set_user({"id": 7})
    """
    if callback is None:
        return _ScopeInPlace()
    callback(HUB.scope)
    return None


def push_scope() -> ScopeBlock:
    """A copy of the scope for a block. What is set in the block is gone after it.

    >>> with push_scope() as scope:
    ...     scope.set_tag("attempt", 2)
    """
    return ScopeBlock(lambda: HUB.scope.copy())


def isolated_scope() -> ScopeBlock:
    """An independent, empty scope with no transaction, for one request, job or message."""
    return ScopeBlock(lambda: Scope(HUB), isolated=True)


def suppress() -> SuppressBlock:
    """Nothing inside the block is recorded, no patch acts, no header is sent along.

    >>> with suppress():
    ...     pass
    """
    return SuppressBlock()


def capture_exception(error: BaseException | None = None) -> str | None:
    """Send an exception as an error event: `error`, or the one that is being handled.

    It carries the trace context of the innermost span it was raised in. Returns the event's id (32 hex characters), or
    `None` when it is not sent. The same exception captured twice is one event.

        >>> try:
        ...     {}["missing"]
        ... except KeyError:
        ...     event_id = capture_exception()
    """
    return capture_error(error)


def capture_message(text: str, level: str = "info") -> str | None:
    """Send a message as an event. `level` is "fatal", "error", "warning", "info" or "debug"."""
    return capture_text(text, level.lower() if type(level) is str else level)


def capture_event(event: Mapping[str, Any]) -> str | None:
    """Send an event that you built yourself, as a mapping in the shape of the Sentry protocol."""
    return capture_given(event)


def add_breadcrumb(crumb: Mapping[str, Any] | None = None, **fields: Any) -> None:
    """Note something that may explain a later error: a mapping, fields, or both.

    >>> add_breadcrumb(category="cart", message="added a lamp", level="info", data={"price": 30})
    """
    _guard.guarded("breadcrumb", None, HUB.scope.add_breadcrumb, crumb, **fields)


def set_tag(key: str, value: Any) -> None:
    """A short text to search by, on everything captured in this scope from now on."""
    HUB.scope.set_tag(key, value)


def set_user(user: Mapping[str, Any] | None) -> None:
    """Who it is done for: any of id, username, email, ip_address, and more. `None`: nobody."""
    HUB.scope.set_user(user)


def set_context(key: str, value: Mapping[str, Any]) -> None:
    """A named group of values on everything captured in this scope."""
    HUB.scope.set_context(key, value)


def set_extra(key: str, value: Any) -> None:
    """A single value on everything captured in this scope."""
    HUB.scope.set_extra(key, value)


def trace_headers() -> dict[str, str]:
    """The headers that continue the current trace elsewhere: of the current span, else of the scope.

        >>> sorted(trace_headers())
        ['baggage', 'sentry-trace', 'traceparent']

    Empty before `init` and inside `suppress()`.
    """
    if not HUB.is_recording or is_suppressed():
        return {}
    return _guard.guarded("trace headers", {}, _headers)


def trace_meta() -> str:
    """The same as HTML meta tags, escaped, for the head of a page: a browser's SDK continues the trace from them."""
    return html_meta(trace_headers())


def flush(timeout: float | None = None) -> bool:
    """Wait at most `timeout` seconds until everything has been taken by its destination. Whether it was."""
    HUB.tell_storms()
    return HUB.client.flush(timeout)


def stats() -> Stats:
    """The books: how many transactions, spans and errors were started, and what became of each.

    >>> stats().balanced
    True
    """
    return HUB.stats()


def _headers() -> dict[str, str]:
    current = here()
    if current is not None:
        return current.trace_headers()
    scope = HUB.scope
    return scope.trace.headers(scope.span_id)
