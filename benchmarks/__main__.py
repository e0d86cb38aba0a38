"""`python -m benchmarks`: all tasks for all subjects, in rounds, and one table of ratios."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from . import starts, table
from .sink import Sink
from .worker import SUBJECTS, TASKS

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
OURS = "instrument"
OF_OURS_ALONE = {"never", "growth", "threads"}
ONLY_OF = {"requests": {OURS, "sentry-sdk", "ddtrace"}, "incoming": {OURS, "sentry-sdk", "opentelemetry"}}
STARTS_PER_ROUND = 5
FAILED_LINES = 8


def main() -> int:
    """Run what the arguments ask for; 1 when a limit is missed."""
    given = _arguments()
    names = [OURS] if given.quick or not given.peers else [OURS, *(name for name in SUBJECTS if name != OURS)]
    names = [name for name in names if not given.only or name == OURS or name in given.only.split(",")]
    pythons = {name: sys.executable if name == OURS else given.peers for name in names}
    tasks = given.tasks.split(",") if given.tasks else [*TASKS, "start"]
    seconds = given.seconds or (0.6 if given.quick else 1.0)
    runs: list[dict[str, Any]] = []
    begin = perf_counter()
    for number in range(given.rounds or (3 if given.quick else 5)):
        for done in _round(pythons, tasks, seconds):
            runs.append({**done, "round": number})
            _progress(f"round {number + 1}, {perf_counter() - begin:.0f} s: {done['task']} of {done['subject']}")
    _progress("")
    results = table.results_of(runs)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps({"machine": table.machine(), "runs": runs}, indent=1), encoding="utf-8")
    print(table.as_text(results))
    print(f"\nAll figures: {given.json}")
    if given.write:
        table.write_into(given.write, "table", table.as_markdown(results))
    return 0 if table.is_reached(results) or not given.strict else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/bench", description="Measures what a span costs.")
    parser.add_argument("--quick", action="store_true", help="under a minute, without the peers")
    parser.add_argument("--rounds", type=int, help="how many processes for each task and library")
    parser.add_argument("--seconds", type=float, help="how long each of them measures")
    parser.add_argument("--tasks", help=f"some of: {','.join([*TASKS, 'start'])}")
    parser.add_argument("--only", help="only these peers, with commas between")
    parser.add_argument("--peers", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, default=ROOT / ".cache" / "bench.json", help="where all figures go")
    parser.add_argument("--write", type=Path, help="put the table into this Markdown file, between its marks")
    parser.add_argument("--strict", action="store_true", help="fail when a limit is missed")
    return parser.parse_args()


def _round(pythons: dict[str, str], tasks: list[str], seconds: float) -> Iterator[dict[str, Any]]:
    """Each task for each library, the libraries in turn."""
    for task in tasks:
        for name, python in pythons.items():
            if (task in OF_OURS_ALONE and name != OURS) or name not in ONLY_OF.get(task, pythons):
                continue
            if task != "start":
                yield from _run(python, name, task, seconds)
        if task == "start":
            yield from _starts({name: python for name, python in pythons.items() if name in starts.PROGRAMS})


def _starts(pythons: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Several starts of each in turn, and of each the best."""
    taken = [(name, starts.start(pythons[name], name)) for _ in range(STARTS_PER_ROUND) for name in pythons]
    for name in pythons:
        all_ = [values for one, values in taken if one == name]
        best = {case: {"best": min(values[case] for values in all_)} for case in all_[0]}
        yield {"subject": name, "task": "start", "values": best}


def _run(python: str, subject: str, task: str, seconds: float) -> Iterator[dict[str, Any]]:
    with Sink(python) as sink:
        environment = {**os.environ, "BENCHMARK_URL": sink.url, "PYTHONHASHSEED": "0"}
        with tempfile.TemporaryDirectory(prefix="benchmarks-", ignore_cleanup_errors=True) as folder:
            environment["XDG_STATE_HOME"] = folder
            command = [python, "-m", "benchmarks.worker", subject, task, str(seconds), sink.url]
            said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
        if said.returncode:
            _progress("")
            print(
                f"{task} of {subject} failed:", *said.stderr.splitlines()[-FAILED_LINES:], sep="\n  ", file=sys.stderr
            )
            return
        done = json.loads(said.stdout.splitlines()[-1])
        if task == "delivered":
            done["received"] = sink.received()
        yield done


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
