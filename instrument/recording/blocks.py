"""Blocks that change what is current in a context, and put back what was there when they end.

Leaving a block in another context than it was entered in changes nothing there. Nor does a block in a finalizer that
the cyclic collector runs, where nothing may be made current (see `suspended`).
"""

from __future__ import annotations

import sys
from types import TracebackType

from .current import set_span, swap_scope
from .noop import NoopSpan
from .scope import Scope
from .span import Span, get_span
from .suspended import Holding, is_collecting, release

__all__ = ["ScopeBlock", "SuppressBlock"]


class ScopeBlock:
    """Holds `scope` for a block; with `isolated`, no span is current when it begins."""

    __slots__ = ("_isolated", "_outer", "_scope", "_span", "_span_ended")

    def __init__(self, scope: Scope, *, isolated: bool = False) -> None:
        self._scope = scope
        self._isolated = isolated

    def __enter__(self) -> Scope:
        self._span = get_span()
        self._span_ended = self._span is not None and self._span.end_ticks is not None
        self._outer = None
        if not is_collecting():
            self._outer = swap_scope(self._scope)
            if self._isolated:
                set_span(None)
        return self._scope

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if is_collecting():
            pass
        elif swap_scope(self._outer, only_if=self._scope) is self._scope and not self._span_ended_inside():
            set_span(self._span)
        self._span = self._outer = None

    def _span_ended_inside(self) -> bool:
        return self._span is not None and self._span.end_ticks is not None and not self._span_ended


class SuppressBlock:
    """Nothing inside is recorded: what is current is a span of no transaction."""

    __slots__ = ("_marker", "_outer")

    _outer: Span | None

    def __enter__(self) -> None:
        self._marker = NoopSpan(suppresses=True)
        self._outer = get_span()
        if is_collecting():
            Holding(sys._getframe(1)).enter(self._marker, self._outer)
        else:
            set_span(self._marker)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._marker._outer = self._outer
        release(self._marker)
        self._outer = None
