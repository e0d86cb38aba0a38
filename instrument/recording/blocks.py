"""Blocks that change what is current in a context, and put back what was there when they end.

One may be entered any number of times, in itself and in several threads at once. Leaving a block in another context
than it was entered in changes nothing there. Nor does a block in a finalizer that the cyclic collector runs, where
nothing may be made current (see `suspended`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from .current import get_scope, set_span, swap_scope, unusual
from .noop import NoopSpan
from .scope import Scope
from .span import Span, get_span
from .suspended import DEEPEST, Holding, is_collecting, release

__all__ = ["ScopeBlock", "SuppressBlock", "unrecorded"]

T = TypeVar("T")
R = TypeVar("R")


class ScopeBlock:
    """Holds a scope for a block; with `isolated`, no span is current when it begins.

    Given what makes scopes, it makes a new one each time it is entered.
    """

    __slots__ = ("_entered", "_isolated", "_scope")

    def __init__(self, scope: Scope | Callable[[], Scope], *, isolated: bool = False) -> None:
        self._scope = scope
        self._isolated = isolated
        self._entered: dict[int, tuple[Any, Span | None, bool]] = {}
        """What each scope that it holds is in the place of: the scope and the span, and whether that had ended."""

    def __enter__(self) -> Scope:
        scope = self._scope if isinstance(self._scope, Scope) else self._scope()
        if id(scope) in self._entered:
            scope = scope.copy()
        if not is_collecting():
            span = get_span()
            self._entered[id(scope)] = swap_scope(scope), span, span is not None and span.end_ticks is not None
            if self._isolated and (span is None or span.suppresses is None):
                set_span(None)
        return scope

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        scope = get_scope()
        entered = self._entered.get(id(scope))
        if entered is None or is_collecting():
            return
        outer, span, had_ended = entered
        if swap_scope(outer, only_if=scope) is scope:
            self._entered.pop(id(scope), None)
            if span is None or span.end_ticks is None or had_ended:
                set_span(span)

    async def __aenter__(self) -> Scope:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


def unrecorded(function: Callable[[T], R], argument: T) -> R:
    """What `function` gives for `argument`. Nothing that it does is recorded.

    The same as in a `SuppressBlock`, for less than half of its price.
    """
    if is_collecting():
        with SuppressBlock():
            return function(argument)
    former = get_span()
    set_span(_MARKER)
    try:
        return function(argument)
    finally:
        set_span(former)


_MARKER = NoopSpan(suppresses=True)
"""What is current there. It is never entered, so everybody may have the same."""


class SuppressBlock:
    """Nothing inside is recorded: what is current is a span of no transaction, and what is opened inside is not."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: list[NoopSpan] = []
        """What could not be made current, as the collector runs."""

    def __enter__(self) -> None:
        marker = NoopSpan(suppresses=self)
        marker._outer = get_span()
        if unusual and is_collecting():
            self._held.append(marker)
            Holding(sys._getframe(1)).enter(marker, marker._outer)
        else:
            set_span(marker)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        marker: Span | None = self._held.pop() if self._held else get_span()
        for _ in range(DEEPEST):
            if marker is None or marker.suppresses is self:
                break
            marker = marker._outer
        if marker is not None and marker.suppresses is self:
            release(marker)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)
