"""Which span is current while generators hold spans open across their `yield`, and while the collector runs.

A suspended generator has no caller: its frame's `f_back` is `None`. A span that such a frame opened is not current
for the consumer, and is current again for whatever runs under the frame once it goes on. Nobody tells us when that
happens, so while any generator holds a span (`unusual` is not empty) the current span is looked up by the stack.

While the cyclic collector runs finalizers on CPython 3.11 and older, nothing may be made current: a finalizer that sets
a context variable inside `ContextVar.set` ends the process by SIGSEGV.
"""

from __future__ import annotations

import gc
import sys
import threading
from types import FrameType
from typing import Any

from .current import Current, get_span, unusual

__all__ = ["GENERATOR", "current_span", "guard_collector", "holder", "is_collecting", "place"]

GENERATOR = 0x20 | 0x200
"""Flags of a code object: a generator, an asynchronous generator."""

_COLLECTING = "collecting"
_CONTEXTLIB = "contextlib"


def holder(frame: FrameType) -> FrameType | None:
    """The generator's frame that holds what is opened in `frame`, or `None` when a plain call does.

    A generator that contextlib drives stands for the block it is used in: what it holds, the block's frame holds.
    """
    while frame.f_code.co_flags & GENERATOR:
        driver = frame.f_back
        if driver is None or driver.f_globals.get("__name__") != _CONTEXTLIB:
            return frame
        while driver is not None and driver.f_globals.get("__name__") == _CONTEXTLIB:
            driver = driver.f_back
        if driver is None:
            return None
        frame = driver
    return None


def current_span(frame: FrameType | None) -> Any:
    """The span that is current for code running in `frame`, while generators hold spans open."""
    current: Current | None = get_span()
    while current is not None and current.is_suspended():
        current = _beneath(current)
    while frame is not None:
        reference = unusual.get(id(frame))
        held = reference() if reference is not None else None
        if held is not None and held._within.frame is frame:
            return current if _is_under(current, held) else held
        frame = frame.f_back
    return current


def _beneath(span: Current) -> Any:
    """What was current when `span` was entered: noted as such, or simply what the variable held."""
    try:
        noted = span._within
    except AttributeError:
        return span._outer
    return noted.within if hasattr(noted, "within") else noted


def _is_under(span: Current | None, held: Current) -> bool:
    while span is not None and span is not held:
        span = _beneath(span)
    return span is held


def place() -> tuple[int, Any]:
    """The thread and, where a loop runs, the task."""
    asyncio = sys.modules.get("asyncio")
    try:
        task = asyncio.current_task() if asyncio is not None else None
    except (RuntimeError, AttributeError):
        task = None
    return threading.get_ident(), id(task)


def is_collecting() -> bool:
    """Whether this thread is inside the cyclic collector, on a Python where that matters."""
    return unusual.get(_COLLECTING) == threading.get_ident()


def _watch_collector(phase: str, info: dict[str, int]) -> None:
    if phase == "start":
        unusual[_COLLECTING] = threading.get_ident()
    else:
        unusual.pop(_COLLECTING, None)


def guard_collector() -> None:
    """Notice the collector's hours from now on. Needed up to CPython 3.11 only."""
    if sys.version_info < (3, 12) and _watch_collector not in gc.callbacks:
        gc.callbacks.append(_watch_collector)
