"""From rows to a tree. Parents may be missing, clocks may disagree, ids may be wrong; every span still has a place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import DecodeError, ValidationError

from .events import EventFields, SpanFields, TraceFields, read_event, read_spans, seconds
from .values import ErrorRecord, SpanNode, TransactionRecord

__all__ = ["attach_errors", "build", "nodes", "walk"]

SYNCHRONOUS = ("http.client", "grpc.client", "rpc")
"""Ops of spans that wait for the other side, so what they caused cannot begin after their end."""


def nodes(transaction: TransactionRecord) -> list[SpanNode]:
    """The spans of a transaction, its root first, none hung beneath another yet."""
    try:
        event = read_event(transaction.text)
        if event.contexts.trace is None:
            return []
        found = [_root(event, event.contexts.trace, transaction)]
    except (DecodeError, ValidationError):
        return []
    try:
        found += [_child(span, transaction) for span in read_spans(event.spans)]
    except ValidationError:
        # Written by somebody who types the fields of a span in another way; the root still says that it was there.
        pass
    return found


def _root(event: EventFields, trace: TraceFields, transaction: TransactionRecord) -> SpanNode:
    start, finish = seconds(event.start_timestamp or event.timestamp), seconds(event.timestamp)
    return SpanNode(
        span_id=trace.span_id,
        parent_span_id=trace.parent_span_id,
        op=trace.op,
        name=event.transaction,
        status=trace.status,
        start=start,
        duration=max(0.0, finish - start),
        origin=trace.origin,
        data=trace.data or {},
        tags=event.tags or {},
        measurements=event.measurements or {},
        transaction=transaction,
        is_root=True,
    )


def _child(span: SpanFields, transaction: TransactionRecord) -> SpanNode:
    start = seconds(span.start_timestamp)
    return SpanNode(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        op=span.op,
        name=span.description,
        status=span.status,
        start=start,
        duration=max(0.0, seconds(span.timestamp) - start),
        origin=span.origin,
        data=span.data or {},
        tags=span.tags or {},
        measurements=span.measurements or {},
        transaction=transaction,
    )


def build(spans: Iterable[SpanNode]) -> list[SpanNode]:
    """Hang each node beneath its parent, in order of start; returns the roots, clocks set right."""
    by_id = {node.span_id: node for node in spans}
    roots = []
    for node in by_id.values():
        parent = by_id.get(node.parent_span_id or "")
        if parent is None or parent is node:
            node.is_orphan = bool(node.parent_span_id)
            roots.append(node)
        else:
            parent.children.append(node)
    roots += _cut_circles(by_id, roots)
    for node in walk(roots):
        node.children.sort(key=_order)
        for child in node.children:
            if child.is_root:
                _set_clock(child, node)
        node.children.sort(key=_order)
    return sorted(roots, key=_order)


def walk(roots: Iterable[SpanNode]) -> Iterator[SpanNode]:
    """Each node after its parent, siblings in their order. Takes trees of any depth."""
    waiting = list(roots)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children[::-1]


def attach_errors(roots: list[SpanNode], errors: Iterable[ErrorRecord]) -> list[ErrorRecord]:
    """Put each error on the span it was raised in; returns those whose span is not there."""
    by_id = {node.span_id: node for node in walk(roots)}
    left = []
    for error in errors:
        node = by_id.get(error.span_id or "")
        if node is None:
            left.append(error)
        else:
            node.errors.append(error)
    return left


def _cut_circles(by_id: dict[str, SpanNode], roots: list[SpanNode]) -> list[SpanNode]:
    """Spans that are each other's ancestors hang on no root: the earliest of each circle becomes one."""
    reached = {node.span_id for node in walk(roots)}
    cut = []
    for node in sorted(by_id.values(), key=_order):
        if node.span_id not in reached:
            by_id[node.parent_span_id or ""].children.remove(node)
            node.is_orphan = True
            cut.append(node)
            reached.update(below.span_id for below in walk([node]))
    return cut


def _order(node: SpanNode) -> tuple[float, float, str]:
    return (node.start, -node.duration, node.span_id)


def _set_clock(node: SpanNode, parent: SpanNode) -> None:
    """Nothing begins before what caused it: when it seems so, centre it in its parent, or begin both together."""
    waited_for = (parent.op or "").startswith(SYNCHRONOUS)
    if node.start >= parent.start and not (waited_for and node.start > parent.finish):
        return
    spare = max(0.0, parent.duration - node.duration)
    shift = parent.start + spare / 2 - node.start
    node.shift += shift
    for below in walk([node]):
        below.start += shift
