"""What delivery costs the program: `./scripts/bench delivery`, beside sentry-sdk and opentelemetry.

`steady` delivers transactions of 5 spans a few hundred at a time and tells all processor time of the process for each.
`burst` finishes 50,000 of them from 8 threads as fast as they can be made, waits until nothing more arrives, and tells
the slowest single transaction as the program saw it, the memory it took at the peak, and the share that never arrived.
`outage`, on request, records for a while without a server, and tells what arrives when there is one again.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter, perf_counter_ns, process_time_ns, sleep
from typing import Any

from .sink import Sink
from .subject import Subject
from .table import machine, piped, write_into

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
SUBJECTS = {
    "instrument": "ours:OURS",
    "instrument, local": "ours:OURS_LOCAL",
    "sentry-sdk": "peers.sentry:SUBJECT",
    "opentelemetry": "peers.otel:SUBJECT",
}
SPANS = 5
BATCH = 200
BATCHES = 5
BURST = 50_000
THREADS = 8
PAUSE = 0.01
"""Seconds between two transactions in an outage."""
AFTERWARDS = 5.0
"""Seconds for which the program goes on when the server is back."""


def steady(subject: Subject, scale: float) -> dict[str, float]:
    """Microseconds of processor time for each delivered transaction, best and middle batch."""
    _record(subject, BATCH // 4)
    subject.flush()
    taken = []
    for _ in range(BATCHES):
        begin = process_time_ns()
        # Small portions, as some queues hold no more and would drop the rest.
        for _ in range(10):
            _record(subject, BATCH // 10)
            subject.flush()
        taken.append((process_time_ns() - begin) / BATCH / 1e3)
    return {"started": BATCH // 4 + BATCHES * BATCH, "us": min(taken), "median us": sorted(taken)[len(taken) // 2]}


def burst(subject: Subject, scale: float) -> dict[str, float]:
    """The slowest transaction in milliseconds, the share of lost ones is for the caller to see."""
    _record(subject, 50)
    subject.flush()
    before = _peak_memory()
    each = int(BURST * scale) // THREADS
    slowest = [0] * THREADS
    start = threading.Barrier(THREADS + 1)

    def run(number: int) -> None:
        start.wait()
        slowest[number] = _record(subject, each)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    start.wait()
    begin, begin_cpu = perf_counter(), process_time_ns()
    for thread in threads:
        thread.join()
    recorded = perf_counter() - begin
    subject.flush()
    return {
        "started": each * THREADS + 50,
        "slowest ms": max(slowest) / 1e6,
        "seconds to record": recorded,
        "seconds to deliver": perf_counter() - begin,
        "cpu seconds": (process_time_ns() - begin_cpu) / 1e9,
        "more memory MB": (_peak_memory() - before) / 1024,
    }


def outage(subject: Subject, seconds: float) -> dict[str, float]:
    """A hundred transactions a second, for so long and some seconds more."""
    started, slowest, ends = 0, 0, perf_counter() + seconds + AFTERWARDS
    while perf_counter() < ends:
        slowest = max(slowest, _record(subject, 1))
        started += 1
        sleep(PAUSE)
    subject.flush()
    return {"started": started, "slowest ms": slowest / 1e6, "seconds to deliver": perf_counter() - ends + AFTERWARDS}


TASKS = {task.__name__: task for task in (steady, burst)}


def _record(subject: Subject, count: int) -> int:
    """Record transactions and tell the slowest one's nanoseconds."""
    slowest = 0
    for _ in range(count):
        begin = perf_counter_ns()
        with subject.root():
            subject.spans(SPANS)
        slowest = max(slowest, perf_counter_ns() - begin)
    return slowest


def _peak_memory() -> int:
    """Kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _work(name: str, task: str, url: str, scale: float) -> None:
    module, _, attribute = SUBJECTS[name].partition(":")
    subject: Any = getattr(importlib.import_module(f"benchmarks.{module}"), attribute)
    subject.deliver(url)
    found = {**TASKS, "outage": outage}[task](subject, scale)
    if hasattr(subject, "delivered"):
        found["arrived"] = subject.delivered()
    print(json.dumps(found), flush=True)


def _run(python: str, name: str, task: str, scale: float) -> dict[str, float]:
    with Sink(python) as sink, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = _ended(_begun(python, name, task, sink.url, scale, folder), f"{task} of {name}")
        received = sink.received()
    return _compared(found, received)


def _run_outage(python: str, name: str, seconds: float) -> dict[str, float]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = _begun(python, name, "outage", f"http://127.0.0.1:{port}", seconds, folder)
        sleep(seconds)
        with Sink(python, port) as sink:
            found = _ended(process, f"the outage of {name}")
            received = sink.received()
    return _compared(found, received)


def _begun(python: str, name: str, task: str, url: str, amount: float, folder: str) -> subprocess.Popen[str]:
    command = [python, "-m", "benchmarks.delivery", "--work", name, task, url, str(amount)]
    environment = {**os.environ, "XDG_STATE_HOME": folder}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _ended(process: subprocess.Popen[str], what: str) -> dict[str, float]:
    said, wrong = process.communicate(timeout=900)
    if process.returncode:
        raise SystemExit(f"{what} failed:\n{wrong[-2000:]}")
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def _compared(found: dict[str, float], received: dict[str, int]) -> dict[str, float]:
    found.setdefault("arrived", received["transactions"])
    found["lost %"] = 100 * (1 - found["arrived"] / found["started"])
    return found


SHOWN = {
    "us": "CPU for a transaction, µs",
    "slowest ms": "slowest in the burst, ms",
    "seconds to record": "burst recorded in, s",
    "seconds to deliver": "delivered in, s",
    "more memory MB": "memory at the peak, MB",
    "lost %": "lost, %",
}


def _markdown(runs: list[dict[str, Any]]) -> list[str]:
    """One line for each library, each figure the middle one of its rounds."""
    lines = []
    for name in dict.fromkeys(run["subject"] for run in runs):
        values: dict[str, list[float]] = {}
        for run in runs:
            if run["subject"] == name:
                for what, value in run["values"].items():
                    if what != "lost %" or run["task"] == "burst":
                        values.setdefault(what, []).append(value)
        lines.append((name, *(f"{statistics.median(values[what]):,.1f}" for what in SHOWN)))
    return piped(("", *SHOWN.values()), lines)


def _python(name: str, peers: str) -> str:
    return sys.executable if name.startswith("instrument") else peers


def _told(values: dict[str, float]) -> str:
    return ", ".join(f"{what} {value:,.1f}" for what, value in values.items())


def main() -> None:
    """Run both tasks for each library in turn, and print what came out."""
    parser = argparse.ArgumentParser(prog="./scripts/bench delivery", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the other libraries, and a tenth of the burst")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--outage", type=float, metavar="SECONDS", help="only this: what a server costs that is away")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the burst's 50,000 transactions")
    parser.add_argument("--json", type=Path, default=ROOT / ".cache" / "bench-delivery.json")
    parser.add_argument("--write", type=Path, help="put the table into this Markdown file, between its marks")
    parser.add_argument("--peers", help=argparse.SUPPRESS)
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        _work(given.work[0], given.work[1], given.work[2], float(given.work[3]))
        return
    names = [name for name in SUBJECTS if given.peers or name.startswith("instrument")]
    if given.outage:
        for name in names:
            if name != "instrument, local":
                done = _run_outage(_python(name, given.peers), name, given.outage)
                print(f"{name:18} {_told(done)}", flush=True)
        return
    runs = []
    for number in range(given.rounds):
        for task in TASKS:
            for name in names:
                done = _run(_python(name, given.peers), name, task, 0.1 if given.quick else given.scale)
                runs.append({"subject": name, "task": task, "round": number, "values": done})
                print(f"{task:7} {name:18} {_told(done)}", flush=True)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1), encoding="utf-8")
    print(f"\nAll figures: {given.json}")
    if given.write:
        write_into(given.write, "delivery", "\n".join(_markdown(runs)))


if __name__ == "__main__":
    main()
