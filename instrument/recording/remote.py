"""A trace that goes on in this process from a span that runs in another one, and the other way round."""

from __future__ import annotations

from .._clock import ticks
from ..propagation import TraceContext
from .current import set_span, swap_scope
from .hub import HUB
from .noop import NoopTransaction
from .segment import Segment, offer_id
from .span import Span
from .trace import Trace

__all__ = ["continue_here", "header_lines"]


def continue_here(incoming: TraceContext | None) -> None:
    """Make this context a part of the trace `incoming`: what is opened here is a child of the caller's span.

    Spans are delivered one by one, as nobody here holds their transaction; a transaction that is started continues the
    trace. With `None` nothing is current, and the scope is the process's own.
    """
    set_span(None)
    swap_scope(None)
    if incoming is None:
        return
    trace = Trace(HUB, incoming, incoming.sampled)
    swap_scope(HUB.scope.within(trace))
    if trace.sampled:
        set_span(_elsewhere(trace, incoming.parent_span_id))
    else:
        set_span(NoopTransaction(trace, None, None, "custom"))


def _elsewhere(trace: Trace, span_id: str | None) -> Span:
    """A span that runs in another process: over for us, and the parent of what is opened here."""
    span = Span()
    span.op = span.description = span.status = span.data = span.tags = span.measurements = None
    span._id = span_id
    span._parent = span._outer = None
    span.start_ticks = span.end_ticks = ticks()
    span._segment = Segment(None, trace, span.start_ticks)
    span._segment.leave_to_parent(span.start_ticks)
    return span


def header_lines(span: Span) -> bytes:
    """`span.trace_headers()` as lines of HTTP/1.1, of a recorded span."""
    segment = span._segment
    trace = segment.trace
    transaction = segment.transaction
    if transaction is None:
        writer = trace.header_writer()
    else:
        writer = trace.header_writer(transaction.name, transaction.source)
    if span._id is None:
        offer_id(span, trace.draw_span_id())
    return writer.lines(span._id or span.span_id)
