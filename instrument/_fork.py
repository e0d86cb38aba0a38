"""The one registration with the interpreter's fork hooks.

Registrations with `os.register_at_fork` cannot be undone, so there is a single one, and it holds its listeners weakly.
A hook does no I/O, joins nothing and starts no thread: it only forgets what belongs to the parent.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any

from . import _guard

__all__ = ["before", "in_child", "process_id"]

_Listener = tuple["weakref.ref[Any]", "Callable[[Any], Any]"]
_before: list[_Listener] = []
_in_child: list[_Listener] = []
_process_id = os.getpid()


def process_id() -> int:
    """The id of this process, without a system call."""
    return _process_id


def in_child(method: Callable[[], Any]) -> None:
    """Call the bound `method` in every forked child, for as long as its object lives."""
    _listen(_in_child, method)


def before(method: Callable[[], Any]) -> None:
    """Call the bound `method` in the parent before every fork, for as long as its object lives."""
    _listen(_before, method)


def _listen(listeners: list[_Listener], method: Any) -> None:
    listeners[:] = [listener for listener in listeners if listener[0]() is not None]
    listeners.append((weakref.ref(method.__self__), method.__func__))


def _call(listeners: list[_Listener]) -> None:
    for reference, function in list(listeners):
        owner = reference()
        if owner is not None:
            _guard.guarded("fork hook", None, function, owner)


def _after_in_child() -> None:
    global _process_id
    _process_id = os.getpid()
    _call(_in_child)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: _call(_before), after_in_child=_after_in_child)
