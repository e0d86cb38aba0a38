"""What is current here and now: the package's only context variables.

The current span belongs to a context (a thread's, a task's), never to an object that contexts share. It is put back by
setting the former value, never by token, so leaving in a foreign context is silent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol
from weakref import ref

__all__ = ["Current", "get_scope", "get_span", "is_set_here", "loosen_scope", "set_span", "swap_scope", "unusual"]


class Current(Protocol):
    """What can be current: a span."""

    _outer: Any
    _within: Any
    suppresses: Any

    def is_suspended(self) -> bool:
        """Whether it is held by a generator that waits at a `yield`."""


_span: ContextVar[Any] = ContextVar("instrument_span", default=None)
_scope: ContextVar[Any] = ContextVar("instrument_scope", default=None)

get_span: Callable[[], Any] = _span.get
"""The span set in this context, as it stands in the variable. `suspended.current_span` also knows generators."""

set_span: Callable[[Any], Any] = _span.set


def is_set_here(token: Any) -> bool:
    """Whether the `set_span` that returned `token` was called in this very context. Nothing is changed by asking."""
    span = _span.get()
    try:
        _span.reset(token)
    except ValueError:
        return False
    _span.set(span)
    return True


unusual: dict[Any, Any] = {}
"""Empty but while the span set here may not be the current one, and must not be set plainly (see `suspended`)."""


def get_scope() -> Any:
    """The scope of this context, or `None` where the process's own scope holds."""
    scope = _scope.get()
    return scope() if type(scope) is ref else scope


def swap_scope(scope: Any, *, only_if: Any = None) -> Any:
    """Make `scope` the one of this context and return what was there; with `only_if`, only in place of that one."""
    former = _scope.get()
    if only_if is None or former is only_if:
        _scope.set(scope)
    return former


def loosen_scope() -> None:
    """Hold this context's scope weakly from now on, so that a thread that outlives a request lets go of it."""
    scope = _scope.get()
    if scope is not None and type(scope) is not ref:
        _scope.set(ref(scope))
