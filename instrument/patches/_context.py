"""The shape that threads, pools and greenlets share: what is current where work is handed over is so where it is done.

Only our own variables are carried. A program's other context variables are as they would be without us: a thread that
suddenly shared its starter's decimal context would compute something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..recording import Scope, Span, get_scope, get_span, here, loosen_scope, set_span, swap_scope

__all__ = ["Bound", "Carried", "leave"]

Former = tuple[Any, Any]


class Carried:
    """The span and the scope that are current where this is made."""

    __slots__ = ("scope", "span")

    scope: Scope | None
    span: Span | None

    def __init__(self) -> None:
        self.span = here()
        self.scope = get_scope()

    def enter(self) -> Former:
        """Make them current here. Returns what was, for `leave`."""
        former = get_span(), swap_scope(self.scope)
        set_span(self.span)
        return former

    def settle(self) -> None:
        """Make them current here for good, in a place that may outlive the scope and must not keep it alive."""
        self.enter()
        loosen_scope()


def leave(former: Former) -> None:
    """Put back what was current before `Carried.enter`."""
    set_span(former[0])
    swap_scope(former[1])


class Bound:
    """A function that runs, wherever it is called, under what was current where it was bound."""

    __slots__ = ("__weakref__", "_carried", "_function")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._carried = Carried()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        former = self._carried.enter()
        try:
            return self._function(*args, **kwargs)
        finally:
            leave(former)

    def __repr__(self) -> str:
        return repr(self._function)
