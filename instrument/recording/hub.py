"""Hub: the client that takes what is finished, and the books; the scope is found through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol
from weakref import ref

from .. import _clock, _fork, _guard, _ids
from .._books import Books, Counts, Stats
from .._value import evolve
from ..options import Options
from .blocks import ScopeBlock
from .current import get_scope
from .event import Event, TransactionEvent
from .open_spans import OpenSpans
from .scope import Scope
from .segment import Segment, name_spans, offer_id
from .span import Span, Transaction, get_span
from .stacktrace import FrameRules
from .storms import Storms
from .values import text

__all__ = ["HUB", "NOOP_SINK", "Hub", "NoopSink", "Sink"]

_blank: Final = object.__new__


class Sink(Protocol):
    """Where finished items are dropped. A client is one."""

    def capture(self, item: Event, hint: dict[str, Any]) -> str | None:
        """Take an item. The answer is its id, or `None` when it is not kept."""

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything has been taken by its destination, at most `timeout` seconds."""

    def close(self, timeout: float | None = None) -> bool:
        """Flush, and take nothing any more."""


class NoopSink:
    """The sink before `init`: nothing is kept and nothing is missing."""

    def capture(self, item: Event, hint: dict[str, Any]) -> str | None:
        """Keep nothing."""
        return None

    def flush(self, timeout: float | None = None) -> bool:
        """There is nothing to wait for."""
        return True

    def close(self, timeout: float | None = None) -> bool:
        """There is nothing to close."""
        return True


NOOP_SINK = NoopSink()


class Hub:
    """The meeting point of one configuration: its client, its options, its books, and the scope of this context."""

    client: Sink = NOOP_SINK

    def __init__(self) -> None:
        self.client = NOOP_SINK
        self.options = Options()
        self.books = Books()
        self.open_spans = OpenSpans(self.books)
        self.storms = Storms()
        self.watch: Callable[[Callable[[Any], None]], Callable[[Any], None]] | None = None
        """Looks at the spans that are added to transactions from now on, when somebody wants to know who makes them."""
        self.clean: Callable[[str], str] = str
        """A text without its secrets, for what leaves in the headers of a request."""
        self._running: dict[int, tuple[ref[Segment], Books]] = {}
        """The segments of transactions that have not been handed over. Until then they are in no books, but open."""
        self._process_scope = Scope(self)
        self._is_retired = False
        self._frame_rules: FrameRules | None = None
        _fork.before(self._before_fork)
        _fork.in_child(self._in_child)

    @property
    def frame_rules(self) -> FrameRules:
        """How frames of errors are shown."""
        if self._frame_rules is None:
            options = self.options
            self._frame_rules = FrameRules(
                in_app_include=options.in_app_include,
                in_app_exclude=options.in_app_exclude,
                include_local_variables=options.include_local_variables,
            )
        return self._frame_rules

    @property
    def is_recording(self) -> bool:
        """Whether there is a client to record for."""
        return self.client is not NOOP_SINK and not self._is_retired

    @property
    def scope(self) -> Scope:
        """The scope of this context: the innermost one pushed here, or the process's own."""
        scope: Scope | None = get_scope()
        if scope is not None:
            return scope
        return self._process_scope

    def get_scope(self) -> Scope:
        """The same as `scope`."""
        return self.scope

    def push_scope(self) -> ScopeBlock:
        """A copy of the scope for a block; tags and the rest set in it are gone after it."""
        return ScopeBlock(lambda: self.scope.copy())

    def install(self, client: Sink, options: Options, books: Books, *, scope: Scope | None = None) -> None:
        """Work for `client` from now on, and keep `books`."""
        self.client = client
        self._is_retired = False
        self._frame_rules = None
        self.options = options
        self.books = books
        self.open_spans = OpenSpans(self.books)
        self.storms = Storms()
        self.watch = None
        self._process_scope = scope or Scope(self)

    @contextmanager
    def lent(self, client: Sink, options: Options, books: Books) -> Iterator[None]:
        """Work for `client` during a block, then for the former one again."""
        former = dict(vars(self))
        self.install(client, options, books)
        try:
            yield
        finally:
            client.close()
            vars(self).update(former)

    def begun(self, segment: Segment) -> None:
        """A transaction was started: it is open until it is handed over or nobody holds it any more."""
        if self.watch is not None:
            segment.add = self.watch(segment.add)
        self._running[id(segment)] = ref(segment, self._abandoned), self.books

    def _abandoned(self, gone: ref[Segment]) -> None:
        """Nobody holds the transaction any more that `gone` referred to."""
        for key, (reference, books) in list(self._running.items()):
            if reference is gone and self._running.pop(key, None) is not None:
                books.enter((("transactions", "started", 1), ("transactions", "dropped:abandoned", 1)))

    def retire(self) -> None:
        """Record nothing more, and count what is still open as lost: nobody will take it."""
        self.tell_storms()
        self._is_retired = True
        while self._running:
            _, (reference, _) = self._running.popitem()
            segment = reference()
            if segment is not None:
                for category, lost in (("transactions", 1), ("spans", len(segment.spans) + 1)):
                    segment.books.enter(((category, "started", lost), (category, "dropped:unfinished", lost)))
        self.open_spans.give_up()

    def tell_storms(self) -> None:
        """Say now how many errors were held back because there were too many of them."""
        if self.is_recording:
            _guard.guarded("storms", None, self._tell_storms)

    def _tell_storms(self) -> None:
        scope = self.scope
        for event in self.storms.untold(scope.trace.id, scope.span_id):
            self.books.count("errors", "started")
            self.client.capture(event, {})

    def refused(self) -> None:
        """A transaction was started where nothing is recorded."""
        if self._is_retired:
            for category in ("transactions", "spans"):
                self.books.count(category, "started")
                self.books.count(category, "dropped:closed")

    def unsampled(self) -> None:
        """A transaction was started that is not recorded."""
        for category in ("transactions", "spans"):
            self.books.count(category, "started")
            self.books.count(category, "unsampled")

    def hand_over(self, transaction: Transaction, segment: Segment) -> None:
        """A transaction has finished: give it to the client with its finished children."""
        if segment.closed or self._running.pop(id(segment), None) is None:
            return
        books = self.books
        books.count("transactions", "started")
        done = False
        try:
            done = _guard.paired("transaction", False, self._hand_over, transaction, segment)
        finally:
            if not done:
                books.count("transactions", "dropped:internal_sdk_error")

    def _hand_over(self, transaction: Transaction, segment: Segment) -> bool:
        event_id, drawn = _ids.event_and_span_ids(len(segment.spans) + 1)
        offer_id(transaction, drawn.pop())
        spans = segment.close(drawn)
        event = self._item(transaction, segment, spans, transaction.name, transaction.source, event_id)
        self.books.count("spans", "started", len(spans) + 1)
        if transaction.contexts:
            event.contexts = transaction.contexts.copy()
        self.client.capture(event, {"scope": self.scope})
        if self.storms.is_due():
            self._tell_storms()
        return True

    def _item(
        self,
        root: Span,
        segment: Segment,
        spans: list[Span],
        name: str,
        source: str | None = None,
        event_id: str | None = None,
    ) -> TransactionEvent:
        """A finished span with the finished ones below it, as data. A part of a trace has no `source` for its name."""
        trace, epoch = segment.trace, segment.epoch
        start, end = root.start_ticks, root.end_ticks or 0
        tags, data, measurements = root.tags, root.data, root.measurements
        # Filled in without calling the class, which would cost more than all that is done here.
        event = _blank(TransactionEvent)
        event.event_id = event_id or _ids.event_id()
        event.trace_id = trace.id
        event.span_id = root._id or root.span_id
        event.parent_span_id = root.parent_span_id
        event.time = epoch + start
        event.end = epoch + (end if end > start else start)
        event.epoch = epoch
        event.name = name
        event.source = source or "custom"
        event.op = root.op
        event.description = root.description
        event.status = root.status
        event.tags = tags.copy() if tags else {}
        event.data = data.copy() if data else {}
        event.measurements = measurements.copy() if measurements else {}
        event.contexts = {}
        event.extra = {}
        event.breadcrumbs = []
        event.meta = {}
        event.spans = spans
        event.dynamic_sampling_context = trace.sampling_context(name if source else None, source) or None
        event.tracestate = trace.incoming.tracestate if trace.incoming is not None else None
        return event

    def deliver_late(self, span: Span, segment: Segment) -> None:
        """A span finished after its transaction was handed over: it leaves as a later part of the trace."""
        group = segment.collect_late(span)
        if group:
            self.deliver_part(group, segment)

    def deliver_part(self, spans: list[Any], segment: Segment) -> None:
        """The first of `spans` and those below it, which have finished late, leave together."""
        for span in spans:
            self.open_spans.discard(span)
        _guard.guarded("late span", None, self._deliver_part, spans[0], spans[1:], segment)

    def _deliver_part(self, span: Span, below: list[Span], segment: Segment) -> None:
        self.books.count("transactions", "started")
        name = text(span.description or span.op or "<unlabeled span>")
        self.client.capture(self._item(span, segment, below, name), {"scope": self.scope})

    def stats(self) -> Stats:
        """The books as they stand, with the spans of running transactions among the open ones."""
        stats = self.books.stats()
        running = [
            1 + len(segment.spans)
            for reference, books in list(self._running.values())
            if books is self.books and (segment := reference()) is not None
        ]
        spans = _with_open(stats.spans, sum(running))
        return evolve(
            stats,
            transactions=_with_open(stats.transactions, len(running)),
            spans=evolve(spans, unfinished=self.open_spans.names()),
        )

    def _each_running(self, act: Callable[[Segment], None]) -> None:
        for reference, _ in list(self._running.values()):
            segment = reference()
            if segment is not None:
                act(segment)

    def _before_fork(self) -> None:
        """Draw the ids that a child will name as its parents'."""
        self._each_running(Segment.name_open_spans)
        span = get_span()
        if span is not None:
            name_spans([span])

    def _in_child(self) -> None:
        """What is open stays the parent's; the child starts with empty books."""
        now = _clock.ticks()
        self._each_running(lambda segment: segment.leave_to_parent(now))
        for span in self.open_spans:
            span.end_ticks = now
        self._running.clear()
        self.books.forget()
        self.storms.forget()
        self.open_spans = OpenSpans(self.books)


def _with_open(counts: Counts, running: int) -> Counts:
    return evolve(counts, started=counts.started + running, open=counts.open + running)


HUB = Hub()
"""The process's hub: what `init` configures."""
