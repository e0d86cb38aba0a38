"""What the patches of libraries with coroutines share: a call that is watched until it has been awaited to its end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from .._clock import exact_seconds
from .._guard import hooked
from .patch import Around, LibraryPatch

__all__ = ["AroundAwaited", "AwaitingPatch"]

_FAULT: Final = object()


class AroundAwaited(Around):
    """Watch a coroutine function: `before` runs when it is called, `after` when its coroutine has come to an end."""


class AwaitingPatch(LibraryPatch):
    """The base of patches of a library that has coroutines."""

    def _around(self, seat: Any, hook: Around) -> Callable[..., Any]:
        if not isinstance(hook, AroundAwaited) or hook.after is None:
            return super()._around(seat, hook)
        name, before, after = self.name, hook.before, hook.after

        def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not seat.is_on:
                return wrapped(*args, **kwargs)
            number = self.calls = self.calls + 1
            begin = exact_seconds() if number >= self._next_timed else 0.0
            state = hooked(name, _FAULT, before, instance, args, kwargs)
            if begin:
                self._note_time(begin, number)
            if state is _FAULT:
                self._count_fault()
            elif state is not None:
                return self._awaited(wrapped(*args, **kwargs), after, state, is_timed=bool(begin))
            return wrapped(*args, **kwargs)

        return call

    async def _awaited(
        self,
        answer: Coroutine[Any, Any, Any],
        after: Callable[[Any, Any, BaseException | None], None],
        state: Any,
        *,
        is_timed: bool,
    ) -> Any:
        try:
            result = await answer
        except BaseException as error:
            if hooked(self.name, _FAULT, after, state, None, error) is _FAULT:
                self._count_fault()
            raise
        begin = exact_seconds() if is_timed else 0.0
        if hooked(self.name, _FAULT, after, state, result, None) is _FAULT:
            self._count_fault()
        if begin:
            self._timed_seconds += exact_seconds() - begin
        return result
