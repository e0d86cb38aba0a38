"""Timing on a machine that does other things too: short blocks of calibrated length, in turn, and the best of many.

The method is that of pyperf (several processes, calibrated loops, warm-up thrown away), with one difference: the cases
of a process, the floor among them, take turns block by block. What disturbs one disturbs its neighbour, so a ratio
holds where a figure in nanoseconds does not. What is read is the processor time of the thread: a block that was put
aside for another program's sake has not cost more.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter, thread_time_ns
from typing import Any, NamedTuple

from . import floor

__all__ = ["FLOOR", "Case", "measure"]

BLOCK = 500
LEAST_NS = 200_000
"""A shorter block is made longer, unless the case fixes its length."""


class Case(NamedTuple):
    """`run(n)` does the thing n times, within `around()`, whose own cost does not count."""

    run: Callable[[int], Any]
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    count: int | None = None


FLOOR = {"floor": Case(floor.blocks), "bare floor": Case(floor.bare)}


def measure(cases: dict[str, Case], seconds: float) -> dict[str, dict[str, float]]:
    """Nanoseconds for one time of each case: the best block and the median one."""
    counts = {name: _calibrated(case) for name, case in cases.items()}
    found: dict[str, list[float]] = {name: [] for name in cases}
    ends = perf_counter() + seconds
    while perf_counter() < ends or len(next(iter(found.values()))) < 5:
        for name, case in cases.items():
            found[name].append(_timed(case, counts[name]))
    return {name: {"best": min(all_), "median": statistics.median(all_)} for name, all_ in found.items()}


def _timed(case: Case, count: int) -> float:
    with case.around():
        begin = thread_time_ns()
        case.run(count)
        end = thread_time_ns()
    return (end - begin) / count


def _calibrated(case: Case) -> int:
    """How many times make a block. The first runs warm the interpreter up."""
    count = case.count or 8
    for _ in range(3):
        _timed(case, count)
    while case.count is None and count < 1_000_000 and _timed(case, count) * count < LEAST_NS:
        count *= 2
    return count
