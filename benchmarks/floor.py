"""The floor: the least that a recorded span can cost in pure Python. All our figures are ratios to it.

Whoever records a block of code must read the clock twice, look up what is current in this context, make the span
current and put back what was there, and keep the result: two clock reads, one `ContextVar.get`, two `ContextVar.set`,
one `append`. `Floor` does this and nothing else, in the shape that a user writes: a `with` block around an object, a
new one each time, with slots as the cheapest kind there is.

`bare` does the same operations in a loop, without object, `with` and methods. No span that is written as a block can
cost as little; it shows how much of the floor is the work and how much the shape. The table shows ratios to both.

Neither knows an operation or a description, checks anything, or survives an error: for that, ours may cost more.
"""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter_ns as ticks
from typing import Any

__all__ = ["bare", "blocks"]

_current: ContextVar[Any] = ContextVar("benchmark_floor", default=None)
_get = _current.get
_set = _current.set
_kept: list[Any] = []


class Floor:
    """A span that knows when it began and ended, and what was current before it."""

    __slots__ = ("end", "outer", "start")

    def __enter__(self) -> Floor:
        self.outer = _get()
        _set(self)
        self.start = ticks()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.end = ticks()
        _set(self.outer)
        _keep(self)


_keep = _kept.append


def blocks(count: int) -> None:
    """The floor, `count` times."""
    for _ in range(count):
        with Floor():
            pass
    _kept.clear()


def bare(count: int) -> None:
    """The same operations without the object and the `with` block, `count` times."""
    get, set_, keep, kept = _get, _set, _keep, _kept
    span = object()
    for _ in range(count):
        outer = get()
        set_(span)
        start = ticks()
        end = ticks()
        set_(outer)
        keep((start, end))
    kept.clear()
