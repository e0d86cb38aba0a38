"""Errors that nobody caught: what Python itself tells of them goes through a hook, and each hook is watched.

The hook that was there is called as before. An exception that was captured on its way out is not captured again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from ..recording import capture_error
from .patch import Around, LibraryPatch

__all__ = ["ExceptHook", "LoopHandler", "ThreadHook", "UnraisableHook"]


class ExceptHook(LibraryPatch):
    """`sys.excepthook`: what ends the program. Not at the prompt, where every mistake would come along."""

    name = "sys"
    is_light = True

    def hooks(self) -> Iterable[Around]:
        """The hook."""
        return (Around("excepthook", _ending),)


class UnraisableHook(LibraryPatch):
    """`sys.unraisablehook`: errors in `__del__` and wherever else there is nobody to raise them at."""

    name = "sys"
    is_light = True

    def hooks(self) -> Iterable[Around]:
        """The hook."""
        return (Around("unraisablehook", _unraisable),)


class ThreadHook(LibraryPatch):
    """`threading.excepthook`: what ends a thread."""

    name = "threading"
    is_light = True

    def hooks(self) -> Iterable[Around]:
        """The hook."""
        return (Around("excepthook", _ending_thread),)


class LoopHandler(LibraryPatch):
    """asyncio's loop handler: errors in callbacks, and of tasks that nobody asks for their result."""

    name = "asyncio.base_events"

    def hooks(self) -> Iterable[Around]:
        """What calls the handler that the program may have set."""
        return (Around("BaseEventLoop.call_exception_handler", _in_loop),)


def _ending(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if len(args) == 3 and not hasattr(sys, "ps1"):
        _capture(args[1], args[2], "excepthook")


def _ending_thread(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if args:
        _capture(args[0].exc_value, args[0].exc_traceback, "threading")


def _unraisable(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if args and not sys.is_finalizing():
        _capture(args[0].exc_value, args[0].exc_traceback, "unraisable")


def _in_loop(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    told = args[0] if args else kwargs.get("context")
    if type(told) is dict:
        error = told.get("exception")
        if error is not None:
            _capture(error, error.__traceback__, "asyncio")


def _capture(error: Any, traceback: Any, mechanism: str) -> None:
    if not isinstance(error, BaseException) or isinstance(error, (SystemExit, KeyboardInterrupt, GeneratorExit)):
        return
    if error.__traceback__ is None and traceback is not None:
        error.__traceback__ = traceback
    capture_error(error, mechanism=mechanism, handled=False, once=True)
