"""One task for one subject in a process of its own: `python -m benchmarks.worker SUBJECT TASK SECONDS [URL]`.

The last line on standard output is the result as JSON. All times are nanoseconds.
"""

from __future__ import annotations

import gc
import importlib
import json
import platform
import sys
import threading
import tracemalloc
from collections.abc import Callable
from time import perf_counter_ns, process_time_ns
from typing import Any

from . import floor, middleware
from .loops import BLOCK, FLOOR, Case, measure
from .requests_in_memory import Requests
from .subject import Subject

__all__ = ["SUBJECTS", "TASKS"]

SUBJECTS = {
    "instrument": "ours:OURS",
    "ddtrace": "peers.datadog:SUBJECT",
    "aws-xray-sdk": "peers.xray:SUBJECT",
    "opentelemetry": "peers.otel:SUBJECT",
    "elastic-apm": "peers.elastic:SUBJECT",
    "sentry-sdk": "peers.sentry:SUBJECT",
    "logfire": "peers.logfire_:SUBJECT",
}

GROWTH = (10, 100, 1000, 10_000, 100_000)
THREADS = (1, 2, 4, 8)
SPANS_OF_ALL_THREADS = 32_000
HELD_SPANS = 900
DELIVERED = 20


def subject_named(name: str) -> Subject:
    """The subject; its library is imported now."""
    module, _, attribute = SUBJECTS[name].partition(":")
    found: Subject = getattr(importlib.import_module(f"benchmarks.{module}"), attribute)
    return found


def never(subject: Subject, seconds: float, url: str) -> dict[str, Any]:
    """Nothing was set up."""
    cases = {"call, never initialised": Case(subject.calls)}
    if subject.name == "instrument":
        cases["span, never initialised"] = Case(subject.spans)
        cases["span with data, never initialised"] = Case(subject.spans_with_data)
    return measure({**FLOOR, **cases, "undecorated call": Case(_calls)}, seconds)


def spans(subject: Subject, seconds: float, url: str) -> dict[str, Any]:
    """Spans and calls, recorded, unsampled, and outside a transaction."""
    subject.keep()
    loops: dict[str, Callable[[int], None]] = {
        "span": subject.spans,
        "span with data": subject.spans_with_data,
        "call": subject.calls,
    }
    if hasattr(subject, "calls_with_data"):
        loops["call with data"] = subject.calls_with_data
    cases = {f"{name}, recorded": Case(loop, subject.root, BLOCK) for name, loop in loops.items()}

    def whole(count: int) -> None:
        with subject.root():
            subject.spans(count)

    cases["span with its share of a transaction"] = Case(whole, count=BLOCK)
    if subject.has_unsampled:
        unsampled = {
            f"{name}, unsampled": Case(loop, lambda: subject.root(sampled=False), BLOCK) for name, loop in loops.items()
        }
        cases.update(unsampled)
    if subject.has_calls_outside:
        cases["call, outside a transaction"] = Case(subject.calls)
    if subject.name == "instrument":
        cases["span, outside a transaction"] = Case(subject.spans)
        cases["span with data, outside a transaction"] = Case(subject.spans_with_data)
        cases["call with data, outside a transaction"] = Case(subject.calls_with_data)  # type: ignore[attr-defined]
    return measure({**FLOOR, **cases}, seconds)


def transactions(subject: Subject, seconds: float, url: str) -> dict[str, Any]:
    """Empty transactions, up to the destination."""
    subject.keep()
    return measure({**FLOOR, "empty transaction": Case(subject.roots, count=50)}, seconds)


def delivered(subject: Subject, seconds: float, url: str) -> dict[str, Any]:
    """All processor time of this process, in all its threads, until spans in transactions of 500 have arrived."""
    subject.deliver(url, roomy=True)

    def deliver(count: int) -> None:
        for _ in range(count):
            with subject.root():
                subject.spans(BLOCK)
        subject.flush()

    deliver(3)
    best: dict[str, float] = {"floor": float("inf"), "delivered": float("inf")}
    taken: list[float] = []
    ends = process_time_ns() + int(seconds * 1e9)
    while process_time_ns() < ends or len(taken) < 3:
        best["floor"] = min(best["floor"], *(_cpu(floor.blocks, BLOCK * 4) / (BLOCK * 4) for _ in range(20)))
        taken.append(_cpu(deliver, DELIVERED) / (DELIVERED * (BLOCK + 1)))
    median = sorted(taken)[len(taken) // 2]
    return {
        "floor": {"best": best["floor"], "median": best["floor"]},
        "span, delivered": {"best": min(taken), "median": median},
        "count": {"transactions": len(taken) * DELIVERED + 3, "spans": (len(taken) * DELIVERED + 3) * (BLOCK + 1)},
    }


def memory(subject: Subject, seconds: float, url: str) -> dict[str, Any]:
    """Bytes that a finished span holds until it is sent, as the interpreter's allocator counts them."""
    subject.keep()
    held = []
    for _ in range(3):
        with subject.root():
            subject.spans(50)
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            subject.spans(HELD_SPANS)
            gc.collect()
            held.append((tracemalloc.get_traced_memory()[0] - before) / HELD_SPANS)
            tracemalloc.stop()
    return {"bytes of a finished span": {"best": min(held), "median": sorted(held)[1]}}


def growth(subject: Subject, seconds: float, url: str) -> dict[str, Any]:
    """What one span more costs in transactions of different sizes, its share of the transaction's end included.

    What a transaction costs that has no spans is taken off, so that it does not count for more in a small one.
    """
    subject.keep()

    def whole(size: int) -> Callable[[int], None]:
        def run(count: int) -> None:
            for _ in range(count // max(size, 1)):
                with subject.root():
                    subject.spans(size)

        return run

    cases = {f"span of {size}": Case(whole(size), count=max(size, BLOCK)) for size in GROWTH}
    cases["empty transaction"] = Case(subject.roots, count=50)
    found = measure({**FLOOR, **cases}, seconds)
    empty = found.pop("empty transaction")
    for size in GROWTH:
        one = found[f"span of {size}"]
        found[f"span of {size}"] = {how: one[how] - empty[how] / size for how in one}
    return found


def threads(subject: Subject, seconds: float, url: str) -> dict[str, Any]:
    """Spans of several threads at once, each with transactions of its own: nanoseconds from one to the next."""
    subject.keep()

    def record(count: int) -> None:
        for _ in range(count // BLOCK):
            with subject.root():
                subject.spans(BLOCK)

    def least(count: int) -> None:
        for _ in range(count // BLOCK):
            floor.blocks(BLOCK)

    found: dict[str, dict[str, float]] = {}
    ends = perf_counter_ns() + int(seconds * 1e9)
    while perf_counter_ns() < ends or not found:
        for count in THREADS:
            for name, work in (("span", record), ("floor", least)):
                once = _in_threads(work, count) / SPANS_OF_ALL_THREADS
                known = found.setdefault(f"{name} in {count} threads", {"best": once, "median": once})
                known["best"] = min(known["best"], once)
    return found


def requests(subject: Subject, seconds: float, url: str) -> dict[str, Any]:
    """Requests by `http.client`, recorded and not."""
    subject.instrument_http()
    made = Requests()
    cases = {"plain request": Case(made.plain, count=100), "traced request": Case(made.patched, subject.root, 100)}
    return measure({**FLOOR, **cases}, seconds)


def incoming(subject: Subject, seconds: float, url: str) -> dict[str, Any]:
    """Requests that come in, with a middleware and without."""
    return measure({**FLOOR, **middleware.cases(subject.name)}, seconds)


TASKS: dict[str, Callable[[Subject, float, str], dict[str, Any]]] = {
    task.__name__: task for task in (never, spans, transactions, delivered, memory, growth, threads, requests, incoming)
}


def _calls(count: int) -> None:
    def work() -> None:
        """What is decorated elsewhere."""

    for _ in range(count):
        work()


def _cpu(work: Callable[[int], None], count: int) -> int:
    begin = process_time_ns()
    work(count)
    return process_time_ns() - begin


def _in_threads(work: Callable[[int], None], count: int) -> int:
    start = threading.Barrier(count + 1)

    def run() -> None:
        start.wait()
        work(SPANS_OF_ALL_THREADS // count)

    all_ = [threading.Thread(target=run) for _ in range(count)]
    for thread in all_:
        thread.start()
    start.wait()
    begin = perf_counter_ns()
    for thread in all_:
        thread.join()
    return perf_counter_ns() - begin


def main() -> None:
    """Do one task and print what came out."""
    name, task, seconds, url = [*sys.argv[1:], ""][:4]
    values = TASKS[task](subject_named(name), float(seconds), url)
    said = {"subject": name, "task": task, "python": platform.python_version(), "values": values}
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
