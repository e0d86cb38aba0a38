"""Decorating a class: it stays what it is, and making an instance is recorded."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .recipe import Recipe

__all__ = ["decorate_class"]

_NOTHING: Any = object.__init__


def decorate_class(target: type, recipe: Recipe) -> None:
    """Record what `target` does to make an instance: its `__init__`, or its `__new__` where it has only that."""
    own = vars(target)
    if "__init__" in own:
        _set(target, "__init__", _around(own["__init__"], recipe))
    elif "__new__" in own:
        _set(target, "__new__", staticmethod(_around(getattr(own["__new__"], "__func__", own["__new__"]), recipe)))
    elif "__annotations__" in own or "__annotate_func__" in own:
        _set(target, "__new__", staticmethod(_deferring(recipe)))
        _set(target, "__signature__", _SignatureOfInit())
    else:
        _set(target, "__init__", _inheriting(target, recipe))


def _set(target: type, name: str, value: Any) -> None:
    setattr(target, name, value)


def _around(method: Callable[..., Any], recipe: Recipe) -> Callable[..., Any]:
    def wrapper(made: Any, /, *args: Any, **kwargs: Any) -> Any:
        with recipe.open(args, kwargs):
            return method(made, *args, **kwargs)

    return functools.update_wrapper(wrapper, method)


def _inheriting(target: type, recipe: Recipe) -> Callable[..., None]:
    """An `__init__` for a class that has none of its own: it goes on to the next one."""

    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:
        with recipe.open(args, kwargs):
            following: Any = _next(type(self), "__init__", __init__)
            if following is not _NOTHING:
                following(self, *args, **kwargs)
            elif (args or kwargs) and getattr(type(self), "__new__", None) is object.__new__:
                raise TypeError(f"{type(self).__name__}() takes no arguments")

    try:
        signature: inspect.Signature | None = inspect.signature(target)
    except (TypeError, ValueError):
        signature = None
    functools.update_wrapper(__init__, target.__init__)  # type: ignore[misc]  # the class's own, whatever it is
    if signature is not None:
        made = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        __init__.__signature__ = signature.replace(  # type: ignore[attr-defined]  # read by `inspect`
            parameters=[made, *signature.parameters.values()]
        )
    return __init__


def _deferring(recipe: Recipe) -> Callable[..., Any]:
    """A `__new__` for a class that a decorator above may yet give an `__init__`, as `dataclass` does.

    Decorators of that sort leave an `__init__` alone that is there already. So it is wrapped when the first instance is
    made.
    """

    def __new__(cls: type, /, *args: Any, **kwargs: Any) -> Any:
        owner = _owner(cls, "__new__", __new__)
        if owner not in settled:
            settled.append(owner)
            own = vars(owner)
            init = _around(own["__init__"], recipe) if "__init__" in own else _inheriting(owner, recipe)
            _set(owner, "__init__", init)
        following: Any = _next(cls, "__new__", __new__)
        return object.__new__(cls) if following is object.__new__ else following(cls, *args, **kwargs)

    settled: list[type] = []
    return __new__


class _SignatureOfInit:
    """What `inspect.signature` finds for a class whose `__new__` is ours and takes anything."""

    def __get__(self, instance: Any, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        init: Any = owner.__init__  # type: ignore[misc]  # the class's own, whatever it is
        if init is object.__init__:
            return inspect.Signature()
        signature = inspect.signature(init)
        return signature.replace(parameters=list(signature.parameters.values())[1:])


def _owner(kind: type, name: str, function: Callable[..., Any]) -> type:
    """The class that has `function`; not the decorated one where that was made anew, as with `slots=True`."""
    for base in kind.__mro__:
        found = vars(base).get(name)
        if found is function or getattr(found, "__func__", None) is function:
            return base
    raise TypeError(f"{kind.__qualname__} does not inherit {name}")


def _next(kind: type, name: str, function: Callable[..., Any]) -> Any:
    return getattr(super(_owner(kind, name, function), kind), name)
