"""How spans and transactions begin."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from .. import _ids
from .._clock import ticks
from ..propagation import read_headers
from .current import unusual
from .hub import HUB
from .noop import NOOP_SPAN, NoopTransaction, SuppressedTransaction, is_suppressed
from .sampling import decide, decide_by_rate
from .span import SCALARS, Span, Transaction, get_span
from .suspended import current_span, hold
from .trace import Trace
from .values import ENTRIES

__all__ = ["begin_transaction", "span"]

UNCHECKED = {None: None}
"""In place of what has to be looked at more closely."""

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
    segment: Any = parent._segment
    if segment is None:  # that is NO_SEGMENT, which would be looked up first
        return parent._noop
    child = Span()
    if _getframe(1).f_code.co_flags & 0x220:  # that is GENERATOR
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
    # In line what `update_data` and `update_tags` do with a plain dict of plain values.
    if data is not None:
        given: Any = data.copy() if type(data) is dict and len(data) <= ENTRIES else UNCHECKED
        for key, value in given.items():
            if type(key) is not str or type(value) not in SCALARS:
                child.update_data(data)
                break
        else:
            child.data = given
    if tags is not None:
        given = tags.copy() if type(tags) is dict and len(tags) <= ENTRIES else UNCHECKED
        for key, value in given.items():
            if type(key) is not str or type(value) is not str:
                child.update_tags(tags)
                break
        else:
            child.tags = given
    return child


def begin_transaction(
    op: str | None,
    name: str | None,
    *,
    source: str = "custom",
    headers: Any = None,
    sampled: bool | None = None,
    data: Any = None,
    sampling_context: Mapping[str, Any] | None = None,
    frame: FrameType | None = None,
) -> Transaction:
    """Start a transaction and decide whether it is recorded. It is not made current.

    Without `headers` it continues the trace that this process was started in, if any; else it begins one. `frame` is
    where it is opened, if that may be a generator that holds it across a `yield`.
    """
    hub = HUB
    options = hub.options
    if headers is None:
        incoming = hub.scope.trace.incoming
    else:
        incoming = read_headers(
            headers, formats=options.propagate, org_id=options.org_id, strict=options.strict_trace_continuation
        )
    trace = Trace(hub, incoming)
    if not hub.is_recording or is_suppressed():
        hub.refused()
        return SuppressedTransaction(trace, op, name, source)
    parent = incoming.sampled if incoming is not None else None
    span_id = None
    if sampled is None and options.traces_sampler is None:
        trace.sampled, trace.rate = decide_by_rate(options, parent, trace.random)
    else:
        started = Start(trace, op, name, source, data, sampling_context)
        trace.sampled, trace.rate = decide(
            options, explicit=sampled, parent=parent, random=trace.random, context=started.context
        )
        span_id = started.span_id
    kind: type[Transaction] = Transaction
    if not trace.sampled or (trace.rate is None and options.traces_sample_rate is None):
        hub.unsampled()
        kind = NoopTransaction
    transaction = kind(trace, op, name, source)
    if frame is not None:
        hold(transaction, frame)
    transaction._id = span_id
    if data is not None:
        transaction.update_data(data)
    return transaction


class Start:
    """What is known of a transaction that is about to start, for the decision whether it is recorded."""

    __slots__ = ("_given", "_trace", "span_id")

    def __init__(self, trace: Trace, *given: Any) -> None:
        self._trace = trace
        self._given = given
        self.span_id: str | None = None

    def context(self) -> dict[str, Any]:
        """What a `traces_sampler` is given."""
        op, name, source, data, added = self._given
        held, given = (one if issubclass(type(one), Mapping) else {} for one in (data, added))
        incoming = self._trace.incoming
        self.span_id = _ids.span_id()
        return {
            **given,
            "transaction_context": {
                "trace_id": self._trace.id,
                "span_id": self.span_id,
                "parent_span_id": self._trace.parent_span_id,
                "op": op,
                "name": name,
                "source": source,
                "data": dict(held),
            },
            "parent_sampled": incoming.sampled if incoming is not None else None,
            "parent_sample_rate": incoming.parent_sample_rate if incoming is not None else None,
        }
