"""How spans and transactions begin."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from .. import _guard, _ids
from .._clock import ticks
from ..propagation import TraceContext, read_headers
from .current import unusual
from .hub import HUB, Hub
from .noop import NOOP_SPAN, NoopTransaction, SuppressedTransaction, is_suppressed
from .sampling import decide
from .segment import NO_SEGMENT
from .span import Span, Transaction, get_span
from .suspended import GENERATOR, current_span, hold
from .trace import Trace

__all__ = ["begin_transaction", "span"]

_getframe = sys._getframe


def span(
    op: str | None = None,
    description: str | None = None,
    *,
    data: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> Span:
    """Record a block of code as a child of the current span.

    Use it where a function is too coarse; `async with` works as well. Outside a transaction nothing is recorded:

        >>> with span("encode", "parse avatar images") as s:
        ...     s.set_data("bytes", 2048)

    `op` is a short kind in the terms of the Sentry protocol ("db", "http.client", "function"), `description` says which
    one. `data` holds any values, `tags` short texts to search by.
    """
    parent = get_span()
    if unusual:
        parent = current_span(_getframe(1))
    if parent is None:
        return NOOP_SPAN
    segment = parent._segment
    if segment is NO_SEGMENT:
        return parent._noop
    child = Span()
    if _getframe(1).f_code.co_flags & GENERATOR:
        hold(child, _getframe(1))
    child.op = op
    child.description = description
    child.status = child.data = child.tags = child.measurements = child.end_ticks = child._id = None
    child._parent = parent
    child._segment = segment
    child.start_ticks = ticks()
    segment.add(child)
    if len(segment.spans) > segment.limit:
        segment.make_room()
    if data is not None:
        child.update_data(data)
    if tags is not None:
        child.update_tags(tags)
    return child


def begin_transaction(
    op: str | None,
    name: str | None,
    *,
    source: str = "custom",
    headers: Any = None,
    sampled: bool | None = None,
    data: Mapping[str, Any] | None = None,
    sampling_context: Mapping[str, Any] | None = None,
) -> Transaction:
    """Start a transaction and decide whether it is recorded. It is not made current.

    Without `headers` it continues the trace that this process was started in, if any; else it begins one.
    """
    hub = HUB
    incoming = _incoming(hub, headers)
    trace = Trace(hub, incoming)
    if not hub.is_recording or is_suppressed():
        hub.refused()
        return SuppressedTransaction(trace, op, name, source)
    started = Start(trace, op, name, source, data or {}, sampling_context or {})
    trace.sampled, trace.rate = decide(
        hub.options, explicit=sampled, parent=started.parent_sampled, random=started.random, context=started.context
    )
    kind = Transaction
    if not trace.sampled or (trace.rate is None and hub.options.only_passes_ids):
        hub.unsampled()
        kind = NoopTransaction
    transaction: Transaction = hold(kind(trace, op, name, source), _getframe(2))
    transaction._id = started.span_id
    if data:
        transaction.update_data(dict(data))
    return transaction


class Start:
    """What is known of a transaction that is about to start, for the decision whether it is recorded."""

    __slots__ = ("_given", "_trace", "parent_sampled", "span_id")

    def __init__(self, trace: Trace, *given: Any) -> None:
        self._trace = trace
        self._given = given
        self.parent_sampled = trace.incoming.sampled if trace.incoming is not None else None
        self.span_id: str | None = None

    def random(self) -> float:
        """The trace's number in [0, 1)."""
        return float(self._trace.rand or 0)

    def context(self) -> dict[str, Any]:
        """What a `traces_sampler` is given."""
        op, name, source, data, added = self._given
        incoming = self._trace.incoming
        self.span_id = _ids.span_id()
        return {
            "transaction_context": {
                "trace_id": self._trace.id,
                "span_id": self.span_id,
                "parent_span_id": self._trace.parent_span_id,
                "op": op,
                "name": name,
                "source": source,
                "data": dict(data),
            },
            "parent_sampled": self.parent_sampled,
            "parent_sample_rate": incoming.parent_sample_rate if incoming is not None else None,
            **added,
        }


def _incoming(hub: Hub, headers: Any) -> TraceContext | None:
    if headers is None:
        return hub.scope.trace.incoming
    options = hub.options
    return _guard.foreign(
        "incoming headers",
        None,
        read_headers,
        headers,
        formats=options.propagate,
        org_id=options.org_id,
        strict=options.strict_trace_continuation,
    )
