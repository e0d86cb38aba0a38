"""Threads: one that is started under a span keeps that as its parent, also when the span ends before it does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ._context import Carried
from .patch import Around, LibraryPatch, Rewrite

__all__ = ["LowThreads", "Threads"]

_CARRIED: Final = "_instrument_carried"
_OURS: Final = __name__.partition(".")[0] + "."
_SERVICES: Final = frozenset(
    {
        "concurrent.futures.process",
        "concurrent.futures.thread",
        "multiprocessing.managers",
        "multiprocessing.pool",
        "multiprocessing.queues",
        "multiprocessing.resource_sharer",
    }
)
"""Modules whose threads serve everybody: they belong to no span, and what they are given brings its own."""


class Threads(LibraryPatch):
    """`threading.Thread`, its subclasses and `Timer`. The thread holds the scope weakly: it may outlive it."""

    name = "threading"
    is_light = True

    def hooks(self) -> Iterable[Around]:
        """The start, in the thread that starts it, and what runs first in the new one."""
        return (
            Around("Thread.start", _starting, _started),
            Around("Thread._bootstrap_inner", _begun),
        )


class LowThreads(LibraryPatch):
    """`_thread.start_new_thread`."""

    name = "_thread"
    is_light = True

    def hooks(self) -> Iterable[Rewrite]:
        """Both its names."""
        return Rewrite("start_new_thread", _with_context), Rewrite("start_new", _with_context)


def _starting(thread: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if _belongs_to_nobody(type(thread)) or _belongs_to_nobody(getattr(thread, "_target", None)):
        return None
    setattr(thread, _CARRIED, Carried())
    return thread


def _started(thread: Any, result: Any, error: BaseException | None) -> None:
    if error is not None:
        thread.__dict__.pop(_CARRIED, None)


def _begun(thread: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    carried = thread.__dict__.pop(_CARRIED, None)
    if carried is not None:
        carried.settle()


def _belongs_to_nobody(made: Any) -> bool:
    module = getattr(made, "__module__", None)
    return isinstance(module, str) and (module in _SERVICES or module.startswith(_OURS))


class _InThread:
    """What a low-level thread runs: the function, under what was current where the thread was started."""

    __slots__ = ("_carried", "_function")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._carried: Carried | None = Carried()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        carried, self._carried = self._carried, None
        if carried is not None:
            carried.settle()
            del carried
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self._function)


def _with_context(
    _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    if not args or not callable(args[0]) or _belongs_to_nobody(args[0]):
        return None
    return (_InThread(args[0]), *args[1:]), kwargs
