"""What every patch is made of: callables of a library, wrapped so that nothing of ours can hurt the caller."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from .._clock import exact_seconds
from .._guard import hooked, say
from .._value import Value
from ._seat import Seat
from ._versions import misfit, version_of

__all__ = ["Around", "LibraryPatch", "Patch", "Rewrite"]

MOST_FAULTS: Final = 10
TIMED: Final = 61
"""One call in so many is timed: a prime, so that callables which are called in turn all have theirs."""
_NOTHING: Final = object()


class Patch(Protocol):
    """Whatever can be put onto a library and taken off again. `install` raises `ValueError` when it does not fit."""

    def install(self) -> None:
        """Put it on."""

    def uninstall(self) -> None:
        """Take it off; the library is as it was."""


class Around(Value):
    """Watch a callable, `target` as in "HTTPConnection.close".

    `before(instance, args, kwargs)` runs first; what it returns, if not `None`, goes to `after(state, result, error)`,
    which is called on every way out.
    """

    target: str
    before: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
    after: Callable[[Any, Any, BaseException | None], None] | None = None
    only_failures: bool = False
    """Whether `after` is called only when the callable raises."""


class Rewrite(Value):
    """Change what a callable is called with: `change(instance, args, kwargs)` returns both anew, or `None`."""

    target: str
    change: Callable[[Any, tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]] | None]


class LibraryPatch:
    """The base of our patches. A subclass says which library, and which callables it watches.

    A fault in `before`, `after` or `change` never reaches the caller: it is counted, and after ten the patch takes
    itself off and says so.
    """

    name: str = ""
    """The module that is patched, and what the patch is called."""
    distribution: str | None = None
    """What the library is called where it is published, if that is not the name of its module."""
    oldest: tuple[int, ...] = ()
    """The first version of the library that it is put onto."""
    below: tuple[int, ...] = ()
    """The first version that it is no longer put onto."""
    is_light: bool = False
    """Whether its wrappers are functions of Python, for what is there before any library is; else they are wrapt's."""

    def __init__(self) -> None:
        self.calls = 0
        self.faults = 0
        self.why_off = ""
        self._seats: list[Seat] = []
        self._next_timed = TIMED
        self._timed_calls = 0
        self._timed_seconds = 0.0

    @property
    def version(self) -> str | None:
        """The library's, once it is imported."""
        return version_of(self.name, self.distribution)

    @property
    def owners(self) -> dict[str, str]:
        """The callables it wraps, and for each the package whose wrapper is the outermost there."""
        return {seat.target: seat.owner_now() for seat in self._seats}

    @property
    def nanoseconds(self) -> int | None:
        """What our part of a call takes on average; `None` before enough calls were timed, one in `TIMED`."""
        return round(self._timed_seconds / self._timed_calls * 1e9) if self._timed_calls else None

    def hooks(self) -> Iterable[Around | Rewrite]:
        """The callables to wrap. The library has been imported when this is asked."""
        return ()

    def install(self) -> None:
        """Wrap the callables, all or none. Raises `ValueError` when one is missing, or the version does not fit."""
        if self._seats:
            return
        self.why_off = ""
        self.faults = 0
        if self.oldest or self.below:
            why = misfit(self.version, self.oldest, self.below)
            if why:
                raise ValueError(why)
        try:
            for hook in self.hooks():
                self._seats.append(self._seat(hook))
        except (AttributeError, TypeError) as error:
            self.uninstall()
            place = getattr(sys.modules[self.name], "__file__", None) or "a folder without a file of code"
            raise ValueError(f"it is not what the patch is made for: {error} ({place})") from error

    def uninstall(self) -> None:
        """Put the originals back. Where somebody else has wrapped ours since, ours stays and only passes on."""
        while self._seats:
            self._seats.pop().leave()

    def _seat(self, hook: Around | Rewrite) -> Seat:
        path, _, attribute = hook.target.rpartition(".")
        owner: Any = sys.modules[self.name]
        for part in path.split(".") if path else ():
            owner = getattr(owner, part)
        seat = Seat(hook.target, owner, attribute)
        call = self._around(seat, hook) if isinstance(hook, Around) else self._rewrite(seat, hook)
        seat.take(call, is_light=self.is_light)
        return seat

    def _around(self, seat: Seat, hook: Around) -> Callable[..., Any]:
        name, before, after, ends_well = self.name, hook.before, hook.after, not hook.only_failures

        def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not seat.is_on:
                return wrapped(*args, **kwargs)
            number = self.calls = self.calls + 1
            if number < self._next_timed:
                begin = 0.0
                state = hooked(name, _NOTHING, before, instance, args, kwargs)
            else:
                begin = exact_seconds()
                state = hooked(name, _NOTHING, before, instance, args, kwargs)
                self._note_time(begin, number)
            if state is None or state is _NOTHING or after is None:
                if state is _NOTHING:
                    self._count_fault()
                return wrapped(*args, **kwargs)
            try:
                result = wrapped(*args, **kwargs)
            except BaseException as error:
                if hooked(name, _NOTHING, after, state, None, error) is _NOTHING:
                    self._count_fault()
                raise
            if ends_well:
                begin = begin and exact_seconds()
                if hooked(name, _NOTHING, after, state, result, None) is _NOTHING:
                    self._count_fault()
                if begin:
                    self._timed_seconds += exact_seconds() - begin
            return result

        return call

    def _rewrite(self, seat: Seat, hook: Rewrite) -> Callable[..., Any]:
        name, change = self.name, hook.change

        def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if seat.is_on:
                number = self.calls = self.calls + 1
                begin = exact_seconds() if number >= self._next_timed else 0.0
                changed: Any = hooked(name, _NOTHING, change, instance, args, kwargs)
                if begin:
                    self._note_time(begin, number)
                if changed is _NOTHING:
                    self._count_fault()
                elif changed is not None:
                    args, kwargs = changed
            return wrapped(*args, **kwargs)

        return call

    def _note_time(self, begin: float, number: int) -> None:
        self._timed_seconds += exact_seconds() - begin
        self._timed_calls += 1
        self._next_timed = number + TIMED

    def _count_fault(self) -> None:
        self.faults += 1
        if self.faults == MOST_FAULTS:
            self.uninstall()
            self.why_off = f"took itself off after {MOST_FAULTS} faults"
            say(f"{self.name} off", f"the patch of {self.name} {self.why_off}", logging.ERROR)
