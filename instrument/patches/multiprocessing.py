"""multiprocessing: a child process, and work handed to a pool of them, continue the trace; however they are started."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

from ..recording import is_suppressed
from ._begun import names_traced
from ._context import Bound
from ._processes import RemoteCall, Start, outgoing
from .patch import Around, LibraryPatch, Rewrite

__all__ = ["Pools", "Processes"]

_START: Final = "_instrument_start"
_SERVICES: Final = frozenset({"concurrent.futures.process", "multiprocessing.managers", "multiprocessing.pool"})
"""Modules whose processes serve everybody: the work that they are given brings its own trace."""


class Processes(LibraryPatch):
    """`multiprocessing.Process`, in the parent that starts it and in the child, which delivers before it ends."""

    name = "multiprocessing.process"

    def hooks(self) -> Iterable[Around]:
        """The start, and what the child does from its first step to its last."""
        return (
            Around("BaseProcess.start", _starting, _started),
            Around("BaseProcess._bootstrap", _beginning, _ended),
        )


class Pools(LibraryPatch):
    """`multiprocessing.Pool` and `ThreadPool`."""

    name = "multiprocessing.pool"

    def hooks(self) -> Iterable[Rewrite]:
        """The four ways by which work gets in; the others go through them."""
        ways = ("apply_async", "_map_async", "imap", "imap_unordered")
        return [Rewrite(f"Pool.{way}", _bound) for way in ways]


def _starting(process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if is_suppressed():
        return None
    values = vars(process)
    serves = getattr(values.get("_target"), "__module__", None) in _SERVICES
    start = Start(None if serves else outgoing())
    if names_traced():
        # A fresh interpreter reads them in their order: first what to trace, then the function, found by its name.
        own = dict(values)
        values.clear()
        values[_START] = start
        values.update(own)
    else:
        values[_START] = start
    return process


def _started(process: Any, result: Any, error: BaseException | None) -> None:
    process.__dict__.pop(_START, None)


def _beginning(process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    start = process.__dict__.pop(_START, None)
    if start is not None:
        start.begin()
    return start


def _ended(start: Start, result: Any, error: BaseException | None) -> None:
    start.end()


def _bound(pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    function: Any = args[0] if args else kwargs.get("func")
    if isinstance(pool, sys.modules["multiprocessing.pool"].ThreadPool):
        bound: Any = Bound(function)
    else:
        headers = outgoing()
        if not headers:
            return None
        bound = RemoteCall(function, headers)
    return ((bound, *args[1:]), kwargs) if args else (args, {**kwargs, "func": bound})
