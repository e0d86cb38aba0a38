"""A place where a wrapper sits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

__all__ = ["Seat"]

_NOTHING: Final = object()
_OURS: Final = __name__.partition(".")[0]


class Seat:
    """An attribute of a module or class, and what its owner itself held there before, if anything."""

    __slots__ = ("attribute", "former", "is_on", "owner", "target", "wrapper")

    def __init__(self, target: str, owner: Any, attribute: str) -> None:
        self.target = target
        self.owner = owner
        self.attribute = attribute
        self.former = vars(owner).get(attribute, _NOTHING)
        self.wrapper: Any = None
        self.is_on = True
        """What a wrapper asks that could not be taken out, because somebody else has wrapped it since."""

    def take(self, call: Callable[..., Any], *, is_light: bool) -> None:
        """Put a wrapper here. It calls `call(wrapped, instance, args, kwargs)` instead of what was here.

        Raises `AttributeError` when nothing was, and `TypeError` when nothing can be put.
        """
        holders = self.owner.__mro__ if isinstance(self.owner, type) else (self.owner,)
        original: Any = next((vars(one)[self.attribute] for one in holders if self.attribute in vars(one)), _NOTHING)
        if original is _NOTHING:
            raise AttributeError(f"there is no {self.target}")
        if is_light and isinstance(self.owner, ModuleType) and callable(original):
            self.wrapper = (_function if type(original) is FunctionType else _Callable)(original, call)
        elif is_light and type(original) is FunctionType:
            self.wrapper = _method(original, call)
        else:
            import wrapt

            self.wrapper = wrapt.FunctionWrapper(original, call)
        setattr(self.owner, self.attribute, self.wrapper)

    def leave(self) -> None:
        """Put back what was here. Where somebody else has wrapped ours since, it stays and only passes on."""
        self.is_on = False
        if vars(self.owner).get(self.attribute) is not self.wrapper:
            return
        if self.former is _NOTHING:
            delattr(self.owner, self.attribute)
        else:
            setattr(self.owner, self.attribute, self.former)

    def owner_now(self) -> str:
        """The package whose wrapper is the outermost here; the library's own, if ours is gone."""
        held = getattr(self.owner, "__dict__", {}).get(self.attribute)
        if held is self.wrapper:
            return _OURS
        held = getattr(held, "__func__", held)
        # A wrapper calls itself by the name and module of what it wraps; where its code was written it cannot hide.
        held = getattr(held, "_self_wrapper", held)
        held = getattr(held, "__func__", held)
        written = getattr(held, "__globals__", {}).get("__name__")
        return written or getattr(held, "__module__", None) or type(held).__module__


def _function(original: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return call(original, None, args, kwargs)

    return wrapper


def _method(original: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def wrapper(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return call(MethodType(original, self), self, args, kwargs)

    return wrapper


class _Callable:
    """What wraps a callable that is no function of Python's: as it, this does not bind to a class it is kept in."""

    def __init__(self, original: Callable[..., Any], call: Callable[..., Any]) -> None:
        functools.update_wrapper(self, original)
        self._original = original
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(self._original, None, args, kwargs)

    @property  # type: ignore[misc]  # it may be read-only: nobody sets it
    def __class__(self) -> Any:
        return type(self._original)

    def __reduce__(self) -> str:
        return str(self._original.__qualname__)

    def __repr__(self) -> str:
        return repr(self._original)
