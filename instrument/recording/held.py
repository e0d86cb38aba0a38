"""Spans and transactions opened by a `with` block in the frame of a generator, which may hold them across a `yield`."""

from __future__ import annotations

from types import FrameType, TracebackType
from typing import Any, TypeVar
from weakref import ref

from .current import unusual
from .noop import NoopTransaction
from .span import Span, Transaction
from .suspended import holder, is_collecting, place

__all__ = ["Held", "HeldSpan", "Holding", "hold"]

S = TypeVar("S", bound=Span)


class Holding:
    """Who holds a span open: the generator's frame, seen from one thread and task."""

    __slots__ = ("before", "frame", "place", "within")

    def __init__(self, frame: FrameType) -> None:
        self.frame: FrameType | None = frame
        self.before: Any = None
        self.place: Any = None
        self.within: Any = None


class Held(Span):
    """What is current only while the generator that opened it runs. Its `_within` slot has the `Holding`."""

    __slots__ = ()

    _within: Holding

    def __enter__(self: S) -> S:
        holding: Holding = self._within
        super().__enter__()
        if isinstance(self._within, Holding):
            holding.within = self._outer
        else:
            holding.within, self._within = self._within, holding
        holding.place = place()
        key = id(holding.frame)
        holding.before = unusual.get(key)
        unusual[key] = ref(self, lambda gone: unusual.pop(key, None) if unusual.get(key) is gone else None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        holding = self._within
        key = id(holding.frame)
        if holding.before is not None and holding.before() is not None:
            unusual[key] = holding.before
        else:
            unusual.pop(key, None)
        holding.frame = holding.before = holding.within = None
        if is_collecting():
            self._close(kind, error)
        else:
            super().__exit__(kind, error, trace)

    def is_suspended(self) -> bool:
        """Whether the generator waits at a `yield`, seen from the thread and task that opened the span."""
        frame = self._within.frame
        return frame is None or (frame.f_back is None and self._within.place == place())


class HeldSpan(Held):
    """A span that a generator holds."""

    __slots__ = ()


class HeldTransaction(Held, Transaction):
    """A transaction that a generator holds."""

    __slots__ = ()


class HeldNoopTransaction(Held, NoopTransaction):
    """An unsampled transaction that a generator holds."""

    __slots__ = ()


_HELD: dict[type, type] = {Span: HeldSpan, Transaction: HeldTransaction, NoopTransaction: HeldNoopTransaction}


def hold(span: S, frame: FrameType) -> S:
    """Bind `span`, before it is entered, to the generator that runs `frame`, if one does."""
    held = _HELD.get(type(span))
    found = holder(frame) if held is not None else None
    if held is not None and found is not None:
        span.__class__ = held
        span._within = Holding(found)
    return span
