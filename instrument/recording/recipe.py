"""Recipe: what a decorator was told, and how each call of the decorated function begins its span."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, Protocol

from .. import _guard
from .._value import Value
from .current import unusual
from .noop import NOOP_SPAN
from .opening import begin_transaction
from .segment import NO_SEGMENT
from .span import Span, get_span, start_span
from .suspended import current_span

__all__ = ["Recipe", "SpanRecipe", "TransactionRecipe"]


class Recipe(Protocol):
    """How a call begins. The answer is used as a `with` block around the call, or ended by hand."""

    @property
    def op(self) -> str | None:
        """The op of each call."""

    @property
    def description(self) -> Any:
        """The description of each call, or a function that makes one of the call's arguments."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing but these two is recorded of a call."""

    def open(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span:
        """A span, not current yet, for a call with these arguments."""


class SpanRecipe(Value):
    """Each call is a child of the current span."""

    function: Callable[..., Any]
    op: str
    description: str | Callable[..., str]
    data: dict[str, Any] | None
    capture: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether nothing depends on the call's arguments, nor is any data attached."""
        return not callable(self.description) and not self.data and not self.capture

    def open(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span:
        """A child of the current span, or the span that records nothing."""
        parent: Span | None = current_span(sys._getframe(1)) if unusual else get_span()
        if parent is None:
            return NOOP_SPAN
        if parent._segment is NO_SEGMENT:
            return parent._noop
        described = self.description
        if callable(described):
            described = _guard.foreign("description", self.function.__qualname__, described, *args, **kwargs)
        child = start_span(Span, parent, self.op, described)
        if self.data:
            child.update_data(self.data)
        if self.capture:
            _guard.foreign("captured arguments", None, self._record_arguments, child, args, kwargs)
        return child

    def _record_arguments(self, child: Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        bound = inspect.signature(self.function).bind(*args, **kwargs)
        bound.apply_defaults()
        for name in self.capture:
            if name in bound.arguments:
                child.set_data(f"arg.{name}", bound.arguments[name])


class TransactionRecipe(Value):
    """Each call is a transaction of its own."""

    op: str | None
    description: str | None
    settings: dict[str, Any]

    @property
    def is_plain(self) -> bool:
        """Never: a transaction is always begun by `open`."""
        return False

    def open(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span:
        """A new transaction."""
        return begin_transaction(self.op, self.description, frame=sys._getframe(1), **self.settings)
