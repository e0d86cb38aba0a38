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
from collections.abc import Callable
from functools import partial
from opcode import opmap
from types import FrameType
from typing import Any, TypeVar
from weakref import ref

from .current import Current, get_span, set_span, unusual

__all__ = [
    "DEEPEST",
    "GENERATOR",
    "Holding",
    "Placement",
    "beyond",
    "current_span",
    "end",
    "enter_aside",
    "guard_collector",
    "held_kinds",
    "hold",
    "holder",
    "is_collecting",
    "is_open_here",
    "leave_later",
    "place",
    "release",
    "turning",
]

S = TypeVar("S", bound=Current)

GENERATOR = 0x20 | 0x200
"""Flags of a code object: a generator, an asynchronous generator."""

_START, _STOP = "start", "stop"
"""What the collector calls its phases."""

_BETWEEN = frozenset({"contextlib", f"{__package__}.verbs"})
_DRIVERS = f"{__package__}.drivers"
_CACHE = opmap.get("CACHE", -1)
_DELEGATES = frozenset(opmap[name] for name in ("YIELD_FROM", "SEND") if name in opmap)

DEEPEST = 100_000
"""Where to give up: whoever enters the span of a `with span(...)` again inside makes a ring of what is open."""

held_kinds: dict[type, type] = {}
"""For each kind of span the kind it becomes when a generator holds it (filled in by `held`)."""

turning: dict[int, Any] = {}
"""The spans of the generators that our drivers advance, by the `id` of the driver's frame."""


class Holding:
    """Who holds a span open: the generator's frame, seen from one thread and task."""

    __slots__ = ("frame", "place", "token", "within")

    def __init__(self, frame: FrameType) -> None:
        self.frame: FrameType | None = frame
        self.place: Any = None
        self.token: Any = None
        self.within: Any = None

    def enter(self, span: Any, within: Any) -> None:
        """`span` is open from now on, inside `within`."""
        self.within = within
        self.place = _place()
        key = id(self.frame)
        unusual[key] = (*unusual.get(key, ()), ref(span, partial(_strike, key)))
        span._within = self

    def leave(self, span: Any) -> Any:
        """`span` is open no more. The token of the context it was made current in."""
        key, token = id(self.frame), self.token
        self.frame = self.within = self.token = None
        for reference in unusual.get(key, ()):
            if reference() is span:
                _strike(key, reference)
        return token

    @property
    def is_open(self) -> bool:
        """Whether it was entered and not left."""
        return self.frame is not None and self.place is not None

    def is_suspended(self) -> bool:
        """Whether the generator waits at a `yield` or has ended, seen from the thread and task that opened the span."""
        return (self.frame is None or self.frame.f_back is None) and self.place == _place()


class Placement:
    """Where a span was set on a scope, and what was current there."""

    __slots__ = ("place", "within")

    def __init__(self, within: Any) -> None:
        self.within = within
        self.place = _place()


# Both may be called when the interpreter has taken this module's globals down, so they bring what they need.
def _strike(key: int, reference: Any, held: dict[Any, Any] = unusual) -> None:
    left = tuple(one for one in held.get(key, ()) if one is not reference)
    if left:
        held[key] = left
    else:
        held.pop(key, None)


def _forget(key: Any, _: Any, held: dict[Any, Any] = unusual) -> None:
    held.pop(key, None)


def hold(span: Any, frame: FrameType | None) -> Any:
    """Bind `span`, before it is entered, to the generator that opens it in `frame`, if one does."""
    kind = held_kinds.get(type(span))
    frame = beyond(frame)
    if kind is not None and frame is not None and frame.f_code.co_flags & GENERATOR:
        found = holder(frame)
        if found is not None:
            span.__class__ = kind
            span._within = Holding(found)
    return span


def holder(frame: FrameType) -> FrameType | None:
    """The generator's frame that holds what is opened in `frame`, or `None` when a plain call does.

    A generator that contextlib drives stands for the block it is used in: what it holds, the block's frame holds. A
    generator that another delegates to, by `yield from` or through a driver of ours, stands for that one.
    """
    while frame.f_code.co_flags & GENERATOR:
        driver = frame.f_back
        if driver is None:
            return frame
        block = beyond(driver)
        if block is driver and not _stands_for(frame, driver):
            return frame
        if block is None:
            return None
        frame = block
    return None


def _stands_for(inner: FrameType, driver: FrameType) -> bool:
    if driver.f_globals.get("__name__") == _DRIVERS:
        return bool(driver.f_code.co_flags & GENERATOR)
    if not inner.f_code.co_flags & driver.f_code.co_flags & 0x20:
        return False
    code, at = driver.f_code.co_code, driver.f_lasti
    while at > 0 and code[at] == _CACHE:
        at -= 2
    return code[at] in _DELEGATES


def beyond(frame: FrameType | None) -> FrameType | None:
    """`frame`, or the nearest caller that is not a part of how a block is entered."""
    while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
        frame = frame.f_back
    return frame


def current_span(frame: FrameType | None) -> Any:
    """The span that is current for code running in `frame`, while generators hold spans open."""
    current: Current | None = get_span()
    while current is not None and _has_left(current):
        current = current._outer
        if not is_collecting():
            set_span(current)
    while current is not None and current.is_suspended():
        current = current._outer
    if current is not None and current.suppresses is not None:
        return current
    while frame is not None:
        key = id(frame)
        held = _held_by(frame) if key in unusual else turning.get(key)
        if held is not None:
            return current if _is_under(current, held) else held
        frame = frame.f_back
    return current


def _held_by(frame: FrameType) -> Any:
    for reference in reversed(unusual.get(id(frame), ())):
        held = reference()
        if held is not None and type(held._within) is Holding and held._within.frame is frame:
            return held
    return None


def _is_under(span: Current | None, held: Current) -> bool:
    for _ in range(DEEPEST):
        if span is None or span is held:
            return span is held
        span = _beneath(span)
    return False


def _beneath(span: Current) -> Any:
    """What was current when `span` was entered: noted as such, or simply what the variable held."""
    try:
        noted = span._within
    except AttributeError:
        return span._outer
    return noted.within if type(noted) in (Holding, Placement) else noted


def is_open_here(span: Any) -> bool:
    """Whether `span` is in the chain of what is current here, and must not be put into it again."""
    current: Current | None = get_span()
    for _ in range(DEEPEST):
        if current is None or current is span:
            return current is span
        current = current._outer
    return False


def enter_aside(span: S, frame: FrameType) -> S:
    """Make `span` current for code in `frame` where not just its parent is, or while generators hold spans open."""
    outer: Current | None = get_span()
    within: Current | None = current_span(frame) if unusual else outer
    if within is not None and within.suppresses is not None:
        return span
    if unusual and is_collecting():
        span._outer = outer
        Holding(frame).enter(span, within)
        return span
    if not is_open_here(span):
        span._outer = outer
        if unusual:
            span._within = within
    set_span(span)
    return span


def place(span: Current, outer: Current | None) -> None:
    """Make `span` current inside `outer` until it is replaced or ends."""
    if not is_open_here(span):
        span._outer = outer
        held = getattr(span, "_within", None)
        if type(held) is not Holding or not held.is_open:
            span._within = Placement(outer)
    set_span(span)


def end(span: Current, *, unwound: bool = False) -> None:
    """Take `span` out of what is current here, and there where it was set on a scope, be it in another thread."""
    placed = span._within
    release(span, unwound=unwound)
    if type(placed) is Placement and placed.place != _place():
        span._outer = placed.within
        leave_later(span, placed.place)


def release(span: Current, *, unwound: bool = False) -> None:
    """Take `span` out of what is current here, wherever in the chain of open spans it stands.

    With `unwound`, what was entered after it has gone too: an exception, or the end of a unit of work, has passed.
    """
    if get_span() is span and not unusual:
        set_span(span._outer)
        span._outer = span._within = None
        return
    inner: Current | None = None
    current: Current | None = get_span()
    for _ in range(DEEPEST):
        if current is None or current is span:
            break
        inner, current = current, current._outer
    else:
        current = None
    if type(getattr(span, "_within", None)) is Holding:
        span._within.leave(span)
    if current is not None and is_collecting():
        leave_later(span, _place())
        return
    if current is not None and (inner is None or unwound):
        set_span(span._outer)
    elif inner is not None and current is not None:
        inner._outer = span._outer
    span._outer = span._within = None


def leave_later(span: Current, place: Any) -> None:
    """`span` has ended where it could not be taken out of what is current in `place`; who finds it there does it."""
    key = ("left", id(span))
    unusual[key] = (ref(span, partial(_forget, key)), place)


def _has_left(span: Current) -> bool:
    entry = unusual.get(("left", id(span)))
    return entry is not None and entry[0]() is span and entry[1] == _place()


def _place() -> tuple[int, ...]:
    """The thread and, where there are any, the task and the greenlet."""
    found = [threading.get_ident()]
    for module, name in (("asyncio", "current_task"), ("trio.lowlevel", "current_task"), ("greenlet", "getcurrent")):
        ask: Callable[[], Any] | None = getattr(sys.modules.get(module), name, None)
        if ask is not None:
            try:
                found.append(id(ask()))
            except RuntimeError:
                found.append(0)
    return tuple(found)


def is_collecting() -> bool:
    """Whether this thread is inside the cyclic collector, on a Python where that matters."""
    if _START not in unusual and _STOP not in unusual:
        return False
    told = unusual.get(_STOP)
    if type(told) is tuple and told[1] == _collections():
        return bool(told[0] == threading.get_ident())
    callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code in callbacks:
            return True
        frame = frame.f_back
    # Near the recursion limit callbacks fail, and what they were to take away is still there.
    unusual.pop(_START, None)
    unusual.pop(_STOP, None)
    return False


def _collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def _say_whose(phase: str, info: dict[str, int]) -> None:
    if phase == _START:
        unusual[_STOP] = threading.get_ident(), _collections()


def guard_collector() -> None:
    """Notice the collector's hours from now on. Needed up to CPython 3.11 only.

    What comes first and last is written in C, as a signal handler may run in any function that is not: `unusual` gets
    the key "start" at the start, then "stop" with the thread that collects, and loses both, each at its phase's end.
    """
    if sys.version_info < (3, 12) and _say_whose not in gc.callbacks:
        gc.callbacks[:] = [unusual.setdefault, _say_whose, *gc.callbacks, unusual.pop]
