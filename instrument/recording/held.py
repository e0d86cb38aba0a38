"""Spans and transactions opened by a `with` block in the frame of a generator, which may hold them across a `yield`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from .current import is_set_here, set_span, unusual
from .noop import NoopTransaction
from .span import Span, StartedSpan, Transaction, get_span
from .suspended import (
    Holding,
    current_span,
    enter_aside,
    held_kinds,
    is_collecting,
    is_open_here,
    leave_later,
    release,
)

__all__ = ["Held", "HeldSpan"]

S = TypeVar("S", bound="Held")


class Held(Span):
    """What is current only while the generator that opened it runs. Its `_within` slot has the `Holding`."""

    __slots__ = ()

    _within: Holding

    def __enter__(self: S) -> S:
        outer = get_span()
        within = current_span(sys._getframe(1)) if unusual else outer
        is_suppressed = within is not None and within.suppresses is not None
        if is_suppressed or type(self._within) is not Holding or is_open_here(self):
            return enter_aside(self, sys._getframe(1))
        self._outer = outer
        self._within.enter(self, within)
        if not is_collecting():
            self._within.token = set_span(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        is_over: Callable[[], bool] = sys.is_finalizing,
    ) -> None:
        if is_over():
            return  # the interpreter closes a generator that something kept: our modules may be gone
        holding, outer = self._within, self._outer
        if type(holding) is not Holding or not holding.is_open:
            super().__exit__(kind, error, trace)
            return
        token = holding.leave(self)
        is_here = token is not None and not is_collecting() and is_set_here(token)
        release(self)
        self._within = holding
        self._close(kind, error)
        if not is_here:
            self._outer = outer
            leave_later(self, holding.place)

    def is_suspended(self) -> bool:
        """Whether the generator waits at a `yield`, seen from the thread and task that opened the span."""
        return type(self._within) is Holding and self._within.is_suspended()


class HeldSpan(Held):
    """A span that a generator holds."""

    __slots__ = ()


class HeldTransaction(Held, Transaction):
    """A transaction that a generator holds."""

    __slots__ = ()


class HeldNoopTransaction(Held, NoopTransaction):
    """An unsampled transaction that a generator holds."""

    __slots__ = ()


held_kinds.update(
    {
        Span: HeldSpan,
        StartedSpan: HeldSpan,
        Transaction: HeldTransaction,
        NoopTransaction: HeldNoopTransaction,
    }
)
