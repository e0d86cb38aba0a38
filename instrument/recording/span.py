"""Span: one piece of work, from its start to its end.

The hot path of the package. A span is made, put on its segment's list, made current and ended by the fewest steps that
are right; ids and wall times are worked out when the transaction is handed over.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from .._clock import ticks
from . import current, failure
from .current import set_span, unusual
from .segment import Segment, draw_id
from .status import http_code, status_of_http
from .suspended import GENERATOR, current_span, end, enter_aside, hold, release
from .trace import Trace
from .values import ENTRIES, entries, plain, plain_mapping, put, put_group, text, union

__all__ = ["Span", "StartedSpan", "Transaction", "get_span", "here", "start_span"]

get_span: Callable[[], Span | None] = current.get_span

S = TypeVar("S", bound="Span")


def here() -> Span | None:
    """The span that is current for the caller, suspended generators considered."""
    return current_span(sys._getframe(1)) if unusual else get_span()


SCALARS = frozenset({str, int, float, bool, type(None)})
"""Types whose values cannot change and hold nothing else: kept as they are, and cut to size at hand-over."""


class Span:
    """A piece of work inside a transaction. Made by `span(...)`, `@traced` or `start_child`, not by calling it.

    In a `with` or `async with` block it is the current span while the block runs, and the block's end finishes it:

        with parent.start_child("encode", "parse avatar images") as child:
            child.set_data("bytes", 2048)

    `data`, `tags` and `measurements` are `None` until something is set.
    """

    __slots__ = (
        "__weakref__",
        "_id",
        "_noop",
        "_outer",
        "_parent",
        "_segment",
        "_within",
        "data",
        "description",
        "end_ticks",
        "measurements",
        "op",
        "start_ticks",
        "status",
        "tags",
    )

    op: str | None
    description: str | None
    status: str | None
    data: dict[str, Any] | None
    tags: dict[str, str] | None
    measurements: dict[str, dict[str, Any]] | None
    start_ticks: int
    end_ticks: int | None
    _id: str | None
    _noop: Span
    _outer: Span | None
    _parent: Span | str | None
    _segment: Segment
    _within: Any
    """What was current when it was entered, noted only while generators hold spans open; or a `Placement`."""
    suppresses: Any = None
    """The block that suppresses recording while this is current."""

    @property
    def trace_id(self) -> str:
        """The id that all spans of the trace share: 32 hex characters."""
        return self._segment.trace.id

    @property
    def span_id(self) -> str:
        """This span's own id: 16 hex characters, drawn when it is first asked for."""
        return self._id if self._id is not None else draw_id(self)

    @property
    def parent_span_id(self) -> str | None:
        """The id of the span this one is a child of."""
        parent = self._parent
        return parent.span_id if isinstance(parent, Span) else parent

    @property
    def sampled(self) -> bool | None:
        """Whether the trace is recorded; `None` where nobody has decided."""
        return self._segment.trace.sampled

    @property
    def transaction(self) -> Transaction | None:
        """The transaction this span belongs to, until that is handed over."""
        running: Transaction | None = self._segment.transaction
        return running

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; `None` while it runs."""
        return None if self.end_ticks is None else (self.end_ticks - self.start_ticks) / 1e9

    def start_child(
        self,
        op: str | None = None,
        description: str | None = None,
        *,
        data: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> Span:
        """Start a child that runs until its `finish()` or, in a `with` block, until the block's end.

        Outside a `with` block it does not become the current span. A child that finishes after the transaction was
        handed over is delivered by itself, under this parent.
        """
        if (current := get_span()) is not None and current.suppresses is not None:
            return current._noop
        child = start_span(StartedSpan, self, op, description)
        frame = sys._getframe(1)
        if frame.f_code.co_flags & GENERATOR:
            hold(child, frame)
        if data is not None:
            child.update_data(data)
        if tags is not None:
            child.update_tags(tags)
        return child

    def finish(self, status: str | None = None) -> None:
        """End the span. Only the first call counts."""
        if self.end_ticks is None:
            if status is not None:
                self.status = text(status)
            self.end_ticks = ticks()
            if get_span() is self:
                release(self)
            if self._segment.closed:
                self._deliver_late()

    def set_tag(self, key: str, value: Any) -> None:
        """Set a short text to search by. At most 200 characters of it arrive."""
        tags = self.tags
        if tags is None:
            tags = self.tags = {}
        key = key if type(key) is str else text(key)
        value = value if type(value) is str else text(value)
        if len(tags) < ENTRIES:
            tags[key] = value
        else:
            put(tags, key, value)

    def update_tags(self, tags: dict[str, Any]) -> None:
        """Set several tags."""
        given = tags.copy() if type(tags) is dict and len(tags) <= ENTRIES else entries(tags)
        for key, value in given.items():
            if type(key) is not str or type(value) is not str:
                given = {text(key): text(value) for key, value in given.items()}
                break
        self.tags = given if self.tags is None else union(self.tags, given)

    def set_data(self, key: str, value: Any) -> None:
        """Attach a value. It is copied as plain data at once; of an unknown object only the type's name is kept."""
        data = self.data
        if data is None:
            data = self.data = {}
        key = key if type(key) is str else text(key)
        value = value if type(value) in SCALARS else plain(value)
        if len(data) < ENTRIES:
            data[key] = value
        else:
            put(data, key, value)

    def update_data(self, data: dict[str, Any]) -> None:
        """Attach several values."""
        given = data.copy() if type(data) is dict and len(data) <= ENTRIES else entries(data)
        for key, value in given.items():
            if type(key) is not str or type(value) not in SCALARS:
                given = {text(key): plain(value) for key, value in given.items()}
                break
        self.data = given if self.data is None else union(self.data, given)

    def set_status(self, status: str) -> None:
        """Say how it went: "ok", "not_found", "internal_error" or another status of the Sentry protocol."""
        self.status = text(status)

    def set_http_status(self, code: int) -> None:
        """Derive the status from an HTTP code, and record the code as data and as tag."""
        code = code if type(code) is int else http_code(code)
        self.set_tag("http.status_code", str(code) if type(code) is int and 100 <= code < 600 else code)
        self.set_data("http.response.status_code", code)
        self.status = status_of_http(code)

    def set_measurement(self, name: str, value: float, unit: str = "") -> None:
        """Attach a number with a unit: "second", "byte", "percent" or any other text."""
        if self.measurements is None:
            self.measurements = {}
        put_group(self.measurements, text(name), {"value": plain(value), "unit": text(unit)})

    def trace_headers(self) -> dict[str, str]:
        """The headers that continue the trace elsewhere, as a child of this span."""
        transaction = self.transaction
        if transaction is None:
            return self._segment.trace.headers(self.span_id)
        return self._segment.trace.headers(self.span_id, transaction.name, transaction.source)

    def __enter__(self: S) -> S:
        if unusual:
            return enter_aside(self, sys._getframe(1))
        self._outer = get_span()
        set_span(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if get_span() is self and not unusual:
            set_span(self._outer)
            self._outer = None
        else:
            release(self, unwound=kind is not None)
        if self.end_ticks is None:
            if kind is not None:
                failure.note(self, kind, error)
            self.end_ticks = ticks()
            if self._segment.closed:
                self._deliver_late()

    def leave(self) -> None:
        """Stop being current here without ending."""
        release(self)

    def is_suspended(self) -> bool:
        """Whether it is held by a generator that waits at a `yield`."""
        return False

    def _close(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        """End as `__exit__` does, leaving alone what is current."""
        if self.end_ticks is None:
            if kind is not None:
                failure.note(self, kind, error)
            self.end_ticks = ticks()
            if self._segment.closed:
                self._deliver_late()

    async def __aenter__(self: S) -> S:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _deliver_late(self) -> None:
        self._segment.trace.hub.deliver_late(self, self._segment)

    def __repr__(self) -> str:
        state = "open" if self.end_ticks is None else f"{(self.end_ticks - self.start_ticks) / 1e6:.3f} ms"
        op, description = (said if type(said) in SCALARS else text(said) for said in (self.op, self.description))
        return f"<{type(self).__name__} {op}: {description}, {state}>"


class StartedSpan(Span):
    """One that is started apart from its block, so it may be entered anywhere, and once more inside."""

    __slots__ = ()

    def __enter__(self: S) -> S:
        outer = get_span()
        if outer is not self._parent or unusual:
            return enter_aside(self, sys._getframe(1))
        self._outer = outer
        set_span(self)
        return self


class Transaction(StartedSpan):
    """A unit of work that is recorded as a whole: a request, a job, a message. A `Span` with a name.

    `source` says where the name comes from: "custom", "route", "view", "component", "task" or, for a raw path, "url".
    """

    __slots__ = ("contexts", "name", "source", "trace")

    name: str
    source: str
    trace: Trace
    contexts: dict[str, dict[str, Any]] | None

    def __init__(self, trace: Trace, op: str | None, name: str | None, source: str) -> None:
        self.op = op
        self.name = (text(name) if name is not None else "") or "<unlabeled transaction>"
        self.source = text(source)
        self.trace = trace
        self.contexts = None
        self.description = self.status = self.data = self.tags = self.measurements = self.end_ticks = None
        self._id = self._outer = self._within = self._parent = None
        self.start_ticks = ticks()
        self._begin()

    def _begin(self) -> None:
        self._segment = Segment(self, self.trace, self.start_ticks)
        self.trace.hub.begun(self._segment)

    @property
    def trace_id(self) -> str:
        """The id that all spans of the trace share: 32 hex characters."""
        return self.trace.id

    @property
    def parent_span_id(self) -> str | None:
        """The id of the caller's span, when the trace came in from elsewhere."""
        return self.trace.parent_span_id

    @property
    def sampled(self) -> bool | None:
        """Whether it is recorded; `None` where nobody has decided."""
        return self.trace.sampled

    @property
    def transaction(self) -> Transaction | None:
        """The transaction itself, until it is handed over."""
        return self if self._segment.transaction is self else None

    def set_name(self, name: str, source: str = "custom") -> None:
        """Rename it, for instance when the route is known. Headers that have left keep the former name."""
        self.name = text(name)
        self.source = text(source)

    def set_context(self, key: str, value: dict[str, Any]) -> None:
        """Attach a group of values to this transaction alone."""
        if self.contexts is None:
            self.contexts = {}
        put_group(self.contexts, text(key), plain_mapping(value))

    def set_http_status(self, code: int) -> None:
        """Derive the status from an HTTP code, and record the code as data, tag and response context."""
        super().set_http_status(code)
        if self.contexts is None:
            self.contexts = {}
        put_group(self.contexts, "response", {"status_code": code if type(code) is int else http_code(code)})

    def trace_headers(self) -> dict[str, str]:
        """The headers that continue the trace elsewhere, as a child of this transaction."""
        return self.trace.headers(self.span_id, self.name, self.source)

    def finish(self, status: str | None = None) -> None:
        """End it and hand it over with all its finished children. Only the first call counts."""
        if self.end_ticks is None:
            if status is not None:
                self.status = text(status)
            self.end_ticks = ticks()
            end(self)
            self._hand_over()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self, unwound=True)
        self._close(kind, error)

    def _close(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        if self.end_ticks is None:
            if kind is not None:
                failure.note(self, kind, error)
            self.end_ticks = ticks()
            self._hand_over()

    def _hand_over(self) -> None:
        self.trace.hub.hand_over(self, self._segment)


def start_span(kind: type[S], parent: Span, op: str | None, description: str | None) -> S:
    """A new child of `parent`, running from now. `span` and `traced` do the same in line."""
    segment = parent._segment
    child = kind()
    child.op = op
    child.description = description
    child.status = child.data = child.tags = child.measurements = child.end_ticks = child._id = None
    child._outer = None
    child._parent = parent
    child._segment = segment
    child.start_ticks = ticks()
    segment.add(child)
    if len(segment.spans) > segment.limit:
        segment.make_room()
    return child
