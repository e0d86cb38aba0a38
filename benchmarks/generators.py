"""What a decorated generator costs more for each item than an undecorated one: `python -m benchmarks.generators`.

Consumer and generators do nothing else, so what is printed is the driver's own cost, in nanoseconds an item, best of
many rounds. The measurements of one round are taken in turn, so that a busy moment hits them alike.
"""

# ruff: noqa: UP028  # A body that runs for each item is what is measured.

from __future__ import annotations

import asyncio
import gc
import platform
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from time import perf_counter_ns

import instrument
from instrument import span, traced, transaction
from instrument.exporters import Memory

ITEMS = 1000
ROUNDS = 60


def numbers(count: int) -> Iterator[int]:
    for number in range(count):
        yield number


async def async_numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


def holding(count: int) -> Iterator[int]:
    with span("held", "across every yield"):
        for number in range(count):
            yield number


traced_numbers = traced(numbers)
traced_async_numbers = traced(async_numbers)
traced_holding = traced(holding)


def consume(generator: Callable[[int], Iterator[int]]) -> int:
    items = generator(ITEMS)
    began = perf_counter_ns()
    for _ in items:
        pass
    return perf_counter_ns() - began


def consume_async(generator: Callable[[int], AsyncIterator[int]]) -> int:
    async def run() -> int:
        items = generator(ITEMS)
        began = perf_counter_ns()
        async for _ in items:
            pass
        return perf_counter_ns() - began

    return asyncio.run(run())


CASES: dict[str, Callable[[], int]] = {
    "generator": lambda: consume(numbers),
    "generator, decorated": lambda: consume(traced_numbers),
    "generator that holds a span": lambda: consume(holding),
    "generator that holds a span, decorated": lambda: consume(traced_holding),
    "async generator": lambda: consume_async(async_numbers),
    "async generator, decorated": lambda: consume_async(traced_async_numbers),
}


def measure() -> dict[str, float]:
    """Nanoseconds an item, the best of all rounds."""
    best = dict.fromkeys(CASES, float("inf"))
    for _ in range(ROUNDS):
        for name, case in CASES.items():
            gc.collect()
            gc.disable()
            with transaction("benchmark", name):
                best[name] = min(best[name], case() / ITEMS)
            gc.enable()
    return best


def main() -> None:
    """Print the figures."""
    instrument.init(exporter=Memory(), default_integrations=False)
    best = measure()
    print(f"Python {platform.python_version()} on {sys.platform}, ns an item, best of {ROUNDS} rounds")
    for name, nanoseconds in best.items():
        former = best.get(name.removesuffix(", decorated"), nanoseconds)
        more = f"{nanoseconds - former:+8.0f}" if name.endswith(", decorated") else ""
        print(f"{name:42}{nanoseconds:8.0f}{more}")


if __name__ == "__main__":
    main()
