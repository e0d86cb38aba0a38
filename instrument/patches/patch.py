"""What every patch is made of: callables of a library, wrapped so that nothing of ours can hurt the caller."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import attrs

from .._guard import guarded, say

__all__ = ["Around", "LibraryPatch", "Patch", "Rewrite"]

MOST_FAULTS: Final = 10
_NOTHING: Final = object()


class Patch(Protocol):
    """Whatever can be put onto a library and taken off again. `install` raises `ValueError` when it does not fit."""

    def install(self) -> None:
        """Put it on."""

    def uninstall(self) -> None:
        """Take it off; the library is as it was."""


@attrs.frozen
class Around:
    """Watch a callable, `target` as in "HTTPConnection.close".

    `before(instance, args, kwargs)` runs first; what it returns, if not `None`, goes to `after(state, result, error)`,
    which is called on every way out.
    """

    target: str
    before: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
    after: Callable[[Any, Any, BaseException | None], None] | None = None


@attrs.frozen
class Rewrite:
    """Change what a callable is called with: `change(instance, args, kwargs)` returns both anew, or `None`."""

    target: str
    change: Callable[[Any, tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]] | None]


@attrs.define(eq=False)
class _Seat:
    """A place where a wrapper sits: the owner's attribute, and what the owner itself held there before, if anything."""

    owner: Any
    attribute: str
    former: Any
    wrapper: Any = None
    is_on: bool = True
    """What a wrapper asks that could not be taken out, because somebody else has wrapped it since."""


class LibraryPatch:
    """The base of our patches. A subclass says which library, and which callables it watches.

    A fault in `before`, `after` or `change` never reaches the caller: it is counted, and after ten the patch takes
    itself off and says so.
    """

    name: str = ""
    """The module that is patched, and what the patch is called."""
    distribution: str | None = None
    """What the library is called where it is published, if that is not the name of its module."""

    def __init__(self) -> None:
        self.calls = 0
        self.faults = 0
        self.why_off = ""
        self._seats: list[_Seat] = []

    def hooks(self) -> Iterable[Around | Rewrite]:
        """The callables to wrap. The library has been imported when this is asked."""
        return ()

    def install(self) -> None:
        """Wrap the callables, all or none. Raises `ValueError` when one is missing, or cannot be."""
        if self._seats:
            return
        self.why_off = ""
        self.faults = 0
        try:
            for hook in self.hooks():
                self._seats.append(self._seat(hook))
        except (AttributeError, TypeError) as error:
            self.uninstall()
            raise ValueError(f"it is not what the patch is made for: {error}") from error

    def uninstall(self) -> None:
        """Put the originals back. Where somebody else has wrapped ours since, ours stays and only passes on."""
        while self._seats:
            seat = self._seats.pop()
            seat.is_on = False
            if vars(seat.owner).get(seat.attribute) is not seat.wrapper:
                continue
            if seat.former is _NOTHING:
                delattr(seat.owner, seat.attribute)
            else:
                setattr(seat.owner, seat.attribute, seat.former)

    def _seat(self, hook: Around | Rewrite) -> _Seat:
        import wrapt

        path, _, attribute = hook.target.rpartition(".")
        owner: Any = sys.modules[self.name]
        for part in path.split(".") if path else ():
            owner = getattr(owner, part)
        holders = owner.__mro__ if isinstance(owner, type) else (owner,)
        original: Any = next((vars(one)[attribute] for one in holders if attribute in vars(one)), _NOTHING)
        if original is _NOTHING:
            raise AttributeError(f"{self.name}.{hook.target}")
        seat = _Seat(owner, attribute, vars(owner).get(attribute, _NOTHING))
        call = self._around(seat, hook) if isinstance(hook, Around) else self._rewrite(seat, hook)
        seat.wrapper = wrapt.FunctionWrapper(original, call)
        setattr(owner, attribute, seat.wrapper)
        return seat

    def _around(self, seat: _Seat, hook: Around) -> Callable[..., Any]:
        name, before, after = self.name, hook.before, hook.after

        def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not seat.is_on:
                return wrapped(*args, **kwargs)
            self.calls += 1
            state = guarded(name, _NOTHING, before, instance, args, kwargs)
            if state is None or state is _NOTHING or after is None:
                if state is _NOTHING:
                    self._count_fault()
                return wrapped(*args, **kwargs)
            try:
                result = wrapped(*args, **kwargs)
            except BaseException as error:
                if guarded(name, _NOTHING, after, state, None, error) is _NOTHING:
                    self._count_fault()
                raise
            if guarded(name, _NOTHING, after, state, result, None) is _NOTHING:
                self._count_fault()
            return result

        return call

    def _rewrite(self, seat: _Seat, hook: Rewrite) -> Callable[..., Any]:
        name, change = self.name, hook.change

        def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if seat.is_on:
                self.calls += 1
                changed: Any = guarded(name, _NOTHING, change, instance, args, kwargs)
                if changed is _NOTHING:
                    self._count_fault()
                elif changed is not None:
                    args, kwargs = changed
            return wrapped(*args, **kwargs)

        return call

    def _count_fault(self) -> None:
        self.faults += 1
        if self.faults == MOST_FAULTS:
            self.uninstall()
            self.why_off = f"took itself off after {MOST_FAULTS} faults"
            say(f"{self.name} off", f"the patch of {self.name} {self.why_off}", logging.ERROR)
