"""Functions and methods that are traced because their names were given, without a line in the code they are in.

A call is a child of the current span. Where none is, it is a transaction: without code, nothing else would begin one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from .. import _guard
from .._value import Value
from ..recording import Span, SpanRecipe, begin_transaction, decorate, here
from ._arrivals import listen
from ._begun import note_name

__all__ = ["trace_by_name"]

OP = "function"


class _Either(Value):
    """Each call is a child of the current span, or a transaction where there is none."""

    child: SpanRecipe

    @property
    def op(self) -> str:
        return self.child.op

    @property
    def description(self) -> Any:
        return self.child.description

    @property
    def is_plain(self) -> bool:
        return False

    def open(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span:
        if here() is None:
            return begin_transaction(self.op, self.description, source="component", frame=sys._getframe(1))
        return self.child.open(args, kwargs)


def trace_by_name(names: Iterable[str]) -> None:
    """Trace what `names` say, as in "shop.orders:place" or "shop.orders:Order.total": now, or once it is imported.

    A name that cannot be used is a warning, and the others are traced.
    """
    for name in names:
        module, colon, path = name.partition(":")
        if not (colon and all(part.isidentifier() for part in (*module.split("."), *path.split(".")))):
            _warn(name, "it must be like package.module:function or package.module:Class.method")
        elif module == "__main__":
            _warn(name, "the program itself runs as soon as it is there; give the name of a module that it imports")
        else:
            note_name(name)
            hook = _hook(name, module, path)
            listen(module, hook)
            if module in sys.modules:
                hook()


def _hook(name: str, module: str, path: str) -> Callable[[], None]:
    return lambda: _guard.guarded(f"trace of {name}", None, _trace, name, module, path)


def _trace(name: str, module: str, path: str) -> None:
    *outer, attribute = path.split(".")
    owner: Any = sys.modules[module]
    try:
        for part in outer:
            owner = getattr(owner, part)
        holders = owner.__mro__ if isinstance(owner, type) else (owner,)
        original = next(vars(one)[attribute] for one in holders if attribute in vars(one))
        decorated = decorate(original, _recipe_for, "traced")
        if decorated is not original:
            setattr(owner, attribute, decorated)
    except (AttributeError, StopIteration):
        _warn(name, f"the module has no {path}")
    except TypeError as error:
        _warn(name, str(error))


def _recipe_for(function: Callable[..., Any]) -> _Either:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return _Either(SpanRecipe(function, OP, name, None, ()))


def _warn(name: str, why: str) -> None:
    _guard.say(f"trace of {name}", f"{name} is not traced: {why}")
