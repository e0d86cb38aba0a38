"""The one guard: where foreign code calls us, and where we call foreign code.

What goes wrong in here stays in here. Each kind of fault is said once a minute on the logger `instrument`, never with a
payload; `KeyboardInterrupt`, `SystemExit` and their like pass. Our own tests turn `strict` on, and nothing is hidden.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from . import _clock

__all__ = ["foreign", "guarded", "hooked", "logger", "paired", "report", "say"]

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")
A = TypeVar("A")
B = TypeVar("B")

logger = logging.getLogger("instrument")
strict = False
QUIET_SECONDS = 60.0
_said: dict[str, float] = {}


def say(kind: str, message: str, level: int = logging.WARNING) -> None:
    """Log one line, and then none of this kind for a minute."""
    now = _clock.seconds()
    last = _said.get(kind)
    if last is not None and now - last < QUIET_SECONDS:
        return
    _said[kind] = now
    logger.log(level, "%s", message)


def report(kind: str, error: BaseException) -> None:
    """Take note of a fault of ours; raise it when our own tests are watching."""
    if strict:
        raise error
    _note(kind, error)


def _note(kind: str, error: BaseException) -> None:
    say(kind, f"{kind}: {type(error).__name__}; the program goes on without it", logging.ERROR)
    logger.debug("%s", kind, exc_info=error)


def guarded(kind: str, default: D, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T | D:
    """Call `function`; when it fails, report that under `kind` and return `default`."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        report(kind, error)
        return default


def paired(kind: str, default: D, function: Callable[[A, B], T], first: A, second: B) -> T | D:
    """`guarded` for what takes two things and is called for each request: half the price counts there."""
    try:
        return function(first, second)
    except Exception as error:
        report(kind, error)
        return default


def hooked(kind: str, default: D, hook: Callable[[Any, Any, Any], T], first: Any, second: Any, third: Any) -> T | D:
    """`guarded` for the hooks of patches, which all take three things: they run so often that half the price counts."""
    try:
        return hook(first, second, third)
    except Exception as error:
        report(kind, error)
        return default


def foreign(kind: str, default: D, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T | D:
    """The same for a callback of the user's, whose faults are not ours: they never pass, not even in our tests."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        _note(kind, error)
        return default
