"""The one registration with the interpreter's fork hooks.

Registrations with `os.register_at_fork` cannot be undone, so there is a single one, and it holds its listeners weakly.
A hook does no I/O, joins nothing and starts no thread: it only forgets what belongs to the parent.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

from . import _guard

__all__ = ["before", "in_child", "is_unheard", "process_id"]

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


def is_unheard() -> bool:
    """Whether this process is about to be forked without a word to Python: uWSGI's first one, which loads the program.

    A thread that lives here at that moment may hold the interpreter's lock, and a worker would wait for it for ever.
    """
    uwsgi: Any = sys.modules.get("uwsgi")
    if uwsgi is None:
        return False
    return not any(_ask(uwsgi, question) for question in ("worker_id", "mule_id", "i_am_the_spooler"))


def _ask(uwsgi: Any, question: str) -> Any:
    return _guard.guarded("uwsgi", None, getattr(uwsgi, question)) if hasattr(uwsgi, question) else None


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
