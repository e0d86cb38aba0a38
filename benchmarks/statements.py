"""What patches of database drivers add to a statement: `python -m benchmarks.statements`, and beside it the peers'.

A statement is a `SELECT` of one row by its key in a database in memory, executed on one connection and fetched. Plain
and patched connections take turns in one process, a portion of statements each, and the figure is the difference of
their best portions: microseconds for each statement. sentry-sdk has no integration for sqlite3.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from time import perf_counter_ns
from typing import Any

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
PORTION = 100
PORTIONS = 200
STATEMENT = "SELECT name, price FROM items WHERE id = ?"

Root = Callable[[], AbstractContextManager[Any]]


def ours() -> Root:
    """Set up with a destination that does nothing."""
    import instrument

    from .ours import Nowhere

    instrument.init(exporter=Nowhere(), default_integrations=False, integrations=["sqlite3"])
    return lambda: instrument.transaction("task", "nightly")


def opentelemetry() -> Root:
    """The same for opentelemetry."""
    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

    from .peers.otel import SUBJECT

    SUBJECT.keep()
    SQLite3Instrumentor().instrument()
    return SUBJECT.root


def ddtrace() -> Root:
    """The same for ddtrace."""
    import ddtrace

    from .peers.datadog import SUBJECT

    SUBJECT.keep()
    ddtrace.patch(sqlite3=True)
    return SUBJECT.root


SUBJECTS: dict[str, Callable[[], Root]] = {"instrument": ours, "opentelemetry": opentelemetry, "ddtrace": ddtrace}


def _filled(connection: Any) -> Any:
    connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL)")
    connection.executemany("INSERT INTO items (name, price) VALUES (?, ?)", [(f"item {n}", n / 7) for n in range(100)])
    return connection


def _ask(connection: Any, count: int) -> None:
    for number in range(count):
        connection.execute(STATEMENT, (number % 100 + 1,)).fetchall()


def measure(name: str) -> dict[str, float]:
    """Microseconds for a statement that nobody records, and what is added to one that is recorded."""
    plain = _filled(sqlite3.connect(":memory:"))
    root = SUBJECTS[name]()
    patched = _filled(sqlite3.connect(":memory:"))
    best = {"plain": float("inf"), "recorded": float("inf")}
    for _ in range(PORTIONS):
        for which, connection, around in (("plain", plain, nullcontext), ("recorded", patched, root)):
            with around():
                begin = perf_counter_ns()
                _ask(connection, PORTION)
                taken = (perf_counter_ns() - begin) / PORTION / 1e3
            best[which] = min(best[which], taken)
    return {"plain statement": best["plain"], "added, recorded": best["recorded"] - best["plain"]}


def _run(python: str, name: str) -> dict[str, float] | None:
    command = [python, "-m", "benchmarks.statements", "--work", name]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    if said.returncode:
        print(f"{name} is left out: {said.stderr.splitlines()[-1]}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure each library in turn, several rounds, and print the middle ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statements", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", help="the Python of an environment that has the others")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        print(json.dumps(measure(given.work)), flush=True)
        return
    runs: dict[str, list[dict[str, float]]] = {}
    for _ in range(given.rounds):
        for name in SUBJECTS if given.peers else ["instrument"]:
            found = _run(sys.executable if name == "instrument" else given.peers, name)
            if found is not None:
                runs.setdefault(name, []).append(found)
    print(f"{'microseconds':20}" + "".join(f"{name:>16}" for name in runs))
    for case in runs["instrument"][0]:
        middles = [statistics.median(run[case] for run in taken) for taken in runs.values()]
        print(f"{case:20}" + "".join(f"{middle:16.2f}" for middle in middles))


if __name__ == "__main__":
    main()
