"""Copies of spans, by `copy` and `pickle`: spans with the same values and ids that belong to no transaction."""

from __future__ import annotations

import copyreg
from typing import Any

from ..propagation import TraceContext
from .held import HeldNoopTransaction, HeldSpan, HeldTransaction
from .hub import HUB
from .noop import NoopSpan, NoopTransaction, SuppressedTransaction
from .segment import Segment
from .span import Span, StartedSpan, Transaction
from .trace import Trace

__all__ = ["copied"]

_VALUES = ("op", "description", "status", "data", "tags", "measurements", "start_ticks", "end_ticks")


def _reduced(span: Span) -> tuple[Any, ...]:
    values = [getattr(span, name) for name in _VALUES]
    return copied, (span.trace_id, span.sampled, span.span_id, span.parent_span_id, values)


def copied(trace_id: str, sampled: bool | None, span_id: str, parent_id: str | None, values: list[Any]) -> Span:
    """A span with these ids and values that belongs to no transaction."""
    span = Span()
    for name, value in zip(_VALUES, values, strict=True):
        setattr(span, name, value)
    span._id = span_id
    span._parent = parent_id
    span._outer = None
    span._segment = Segment(None, Trace(HUB, TraceContext(trace_id), sampled), span.start_ticks)
    return span


def _nothing(span: NoopSpan) -> tuple[Any, ...]:
    return NoopSpan, ()


_OF_TRANSACTIONS = (Transaction, HeldTransaction, NoopTransaction, HeldNoopTransaction, SuppressedTransaction)

copyreg.pickle(NoopSpan, _nothing)
for kind in (Span, StartedSpan, HeldSpan, *_OF_TRANSACTIONS):
    copyreg.pickle(kind, _reduced)
