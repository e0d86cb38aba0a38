"""The part of a trace that one transaction records: what its spans share."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast
from weakref import ref

from .. import _clock, _ids
from .folding import fold
from .trace import Trace

__all__ = ["NO_SEGMENT", "Recorded", "Segment", "draw_id", "seal"]


class Recorded(Protocol):
    """What a segment knows of a span."""

    end_ticks: int | None
    _id: str | None
    _parent: Any
    _segment: Any
    _within: Any

    @property
    def span_id(self) -> str:
        """Its own id."""


class Segment:
    """The spans of one transaction, in the order they were started, until the transaction is handed over.

    A span knows its segment, and the segment knows the transaction only while that runs: no span keeps a transaction
    alive that has been delivered, and nothing here waits for the cycle collector.
    """

    __slots__ = (
        "__weakref__",
        "_lock",
        "_waiting",
        "add",
        "books",
        "closed",
        "epoch",
        "limit",
        "spans",
        "trace",
        "transaction",
    )

    def __init__(self, transaction: Any, trace: Trace, start_ticks: int) -> None:
        self.transaction: Any = transaction
        self.trace = trace
        self.books = trace.hub.books
        self.epoch = _clock.wall() - start_ticks
        self.spans: list[Any] = []
        self.add = self.spans.append
        self.closed = False
        self.limit = trace.hub.options.max_spans
        """How many spans there may be before similar ones are folded."""
        self._lock = threading.RLock()
        self._waiting: dict[int, tuple[ref[Any], list[Any]]] = {}

    def make_room(self) -> None:
        """Fold similar spans. Where too few are similar the limit grows, so that each span is looked at few times."""
        with self._lock:
            count = len(self.spans)
            if self.closed or count <= self.limit:
                return
            # In place, as other threads are appending to this very list.
            kept = fold(self.spans[:count])
            self.spans[:count] = kept
            self.books.count("spans", "started", count - len(kept))
            self.books.count("spans", "folded", count - len(kept))
            self.limit = max(self.limit, 2 * len(kept))

    def close(self, drawn: list[str]) -> list[Any]:
        """The finished spans, with ids out of `drawn`, one for each span there is.

        From now on each of the others, which are counted as open, finds its own way.
        """
        with self._lock:
            self.closed = True
            self.transaction = None
            spans, self.spans = self.spans, []
            self.add = self.trace.hub.open_spans.add
            while len(drawn) < len(spans):  # another thread has started some
                drawn += _ids.span_ids(len(spans) - len(drawn))
            finished = seal(spans, drawn)
            if len(finished) < len(spans):
                taken = set(map(id, finished))
                for span in [span for span in spans if id(span) not in taken and not is_sealed(span)]:
                    self.trace.hub.open_spans.add(span)
                    if is_sealed(span):  # a signal handler has finished it just now
                        self.trace.hub.open_spans.withdraw(span)
            return finished

    def collect_late(self, span: Recorded) -> list[Any]:
        """What is to be delivered now that `span` has finished after the transaction was handed over.

        Nothing when it went with the transaction after all, or waits for a late ancestor that is still open; else the
        span itself and the late ones below it.
        """
        with self._lock:
            if is_sealed(span):
                return []
            top = span
            parent = span._parent
            while parent is not None and not isinstance(parent, str) and parent._segment is self:
                if parent.end_ticks is None:
                    top = parent
                parent = parent._parent
            seal([span], _ids.span_ids(1))
            if top is not span:
                self._wait(span, top)
                return []
            return [span, *self._stop_waiting(id(span))]

    def _wait(self, span: Recorded, top: Any) -> None:
        """Keep `span` until `top` finishes, or is dropped unfinished."""
        key = id(top)
        if key not in self._waiting:
            self._waiting[key] = (ref(top, partial(_go_without, ref(self), key)), [])
        self._waiting[key][1].append(span)

    def _stop_waiting(self, key: int) -> list[Any]:
        entry = self._waiting.pop(key, None)
        return [] if entry is None else entry[1]

    def name_open_spans(self) -> None:
        """Draw the ids of everything that may be named as a parent in a forked child."""
        spans = [span for span in self.spans if span.end_ticks is None]
        if self.transaction is not None:
            spans.append(self.transaction)
            self.trace.sampling_context(self.transaction.name, self.transaction.source)
        name_spans(spans)

    def leave_to_parent(self, now: int) -> None:
        """In a forked child: what is open stays the parent's, and what the child adds is delivered by itself."""
        self.closed = True
        for span in self.spans:
            if span.end_ticks is None:
                span.end_ticks = now
        if self.transaction is not None:
            self.transaction.end_ticks = now
            self.transaction = None
        self.spans = []
        self._lock = threading.RLock()
        self.add = self.trace.hub.open_spans.add


def _go_without(
    reference: ref[Segment], key: int, _: ref[Any], is_over: Callable[[], bool] = sys.is_finalizing
) -> None:
    # What dies when the interpreter takes its modules down comes too late to be delivered, and finds no globals.
    segment = None if is_over() else reference()
    if segment is not None:
        for span in segment._stop_waiting(key):
            segment.trace.hub.deliver_part([span], segment)


NO_SEGMENT = cast(Segment, None)
"""What a span that records nothing has for a segment."""


_agreed: dict[int, str] = {}
"""Ids that are just being drawn. Whoever draws one for the same span at the same moment finds it here."""


def draw_id(span: Recorded) -> str:
    """The id of `span`, drawn now if it has none: the same for all threads that ask."""
    drawn = _agreed.setdefault(id(span), _ids.span_id())
    offer_id(span, drawn)
    _agreed.pop(id(span), None)
    return span._id  # type: ignore[return-value]  # it has one now


def offer_id(span: Recorded, drawn: str) -> None:
    """Let `drawn` be the id of `span` if that has none.

    Looking and setting is one step: CPython switches threads, and calls signal handlers, only at calls and jumps.
    """
    if span._id is None:
        span._id = drawn


def name_spans(spans: Sequence[Recorded]) -> None:
    """Draw the ids still missing in `spans`."""
    for span, own in zip(spans, _ids.span_ids(len(spans)), strict=True):
        if span._id is None:
            span._id = own


def is_sealed(span: Recorded) -> bool:
    """Whether it has left as a part of something: it names its parent, and holds it no longer."""
    return isinstance(span._parent, str)


def seal(spans: Sequence[Recorded], drawn: Sequence[str]) -> list[Any]:
    """Give ids to `spans` that have none. Those that have ended let go of their parents, and are returned.

    What has left before is passed over. A parent comes before its children, so it has its id when they are looked at.
    """
    finished: list[Any] = []
    add = finished.append
    last = last_id = None
    for span, own in zip(spans, drawn, strict=False):
        if span._id is None:  # in line what `offer_id` does
            span._id = own
        if span.end_ticks is None:
            continue
        parent = span._parent  # read after the end: whoever finishes it in between, in a signal handler, seals it
        if type(parent) is str:
            continue
        span._within = None
        if parent is not last:
            last, last_id = parent, None if parent is None else parent._id or parent.span_id
        span._parent = last_id
        add(span)
    return finished
