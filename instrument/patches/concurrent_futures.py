"""concurrent.futures: work runs under what was current where it was submitted, in a thread or in another process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ._context import Carried, leave
from ._processes import RemoteCall, outgoing
from .patch import Around, LibraryPatch, Rewrite

__all__ = ["ProcessExecutor", "ThreadExecutor"]

_CARRIED: Final = "_instrument_carried"


class ThreadExecutor(LibraryPatch):
    """`ThreadPoolExecutor`: `submit`, `map`, and with them `loop.run_in_executor`."""

    name = "concurrent.futures.thread"
    is_light = True

    def hooks(self) -> Iterable[Around]:
        """A piece of work, where it is made and where it runs: no frame of ours shows in its tracebacks."""
        return (
            Around("_WorkItem.__init__", _made),
            Around("_WorkItem.run", _begin, _end),
        )


class ProcessExecutor(LibraryPatch):
    """`ProcessPoolExecutor`: `submit` and `map`."""

    name = "concurrent.futures.process"
    is_light = True

    def hooks(self) -> Iterable[Rewrite]:
        """Where work is handed in; `map` goes through it."""
        return (Rewrite("ProcessPoolExecutor.submit", _sent_along),)


def _sent_along(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    headers = outgoing()
    return ((RemoteCall(args[0], headers), *args[1:]), kwargs) if headers and args else None


def _made(item: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    setattr(item, _CARRIED, Carried())


def _begin(item: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    carried = item.__dict__.pop(_CARRIED, None)
    return None if carried is None else carried.enter()


def _end(former: Any, result: Any, error: BaseException | None) -> None:
    leave(former)
