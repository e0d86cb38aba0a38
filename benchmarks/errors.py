"""What capturing an error costs the program: `python -m benchmarks.errors`, beside sentry-sdk in the same run.

The exception was raised ten calls deep, and each frame holds ten local variables of the usual kinds. `captured` makes
an event of it and hands it to a destination that forgets it; `encoded` also writes it as bytes. `held back` is one more
of the same error in a storm. All loops of a library run in one process, and the libraries take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
DEPTH = 10
BATCH = 50
LIMIT = 1 / 3


class Cart:
    """Somebody's object."""

    def __init__(self) -> None:
        self.items = [1, 2, 3]


def descend(depth: int, cart: Cart) -> None:
    """Ten frames with ten local variables each."""
    number, ratio, name, is_last = depth, 0.25, f"order {depth}", depth == 1
    options = {"retries": 3, "region": "north", "nested": {"rows": [1, 2, 3]}}
    rows = [{"id": 1, "sku": "lamp"}, {"id": 2, "sku": "table"}]
    nothing = None
    if is_last:
        raise ValueError("no such order", number, ratio, name, len(options), len(rows), nothing)
    descend(depth - 1, cart)


def raised() -> BaseException:
    """A fresh exception, ten frames deep."""
    try:
        descend(DEPTH - 1, Cart())
    except ValueError as error:
        return error
    raise AssertionError


def best(capture: Callable[[BaseException], Any], seconds: float) -> float:
    """Microseconds for each capture: the best of several batches."""
    capture(raised())
    taken = []
    end = perf_counter_ns() + seconds * 1e9
    while perf_counter_ns() < end:
        errors = [raised() for _ in range(BATCH)]
        begin = perf_counter_ns()
        for error in errors:
            capture(error)
        taken.append((perf_counter_ns() - begin) / BATCH / 1e3)
    return min(taken)


def ours(seconds: float) -> dict[str, float]:
    """Our figures."""
    import instrument
    from instrument.recording import HUB
    from instrument.wire import EnvelopeCodec

    class Forget:
        def export(self, item: Any) -> None:
            """Forget it."""

        def flush(self, timeout: float | None) -> bool:
            """There is nothing to wait for."""
            return True

        close = flush

    class Encode(Forget):
        def export(self, item: Any) -> None:
            """Write it as bytes, and forget those."""
            codec.encode(item)

    def each(error: BaseException) -> None:
        HUB.storms.forget()
        instrument.capture_exception(error)

    codec = EnvelopeCodec()
    found = {}
    for case, exporter in (("captured", Forget()), ("encoded", Encode())):
        instrument.init(exporter=exporter)
        found[case] = best(each, seconds)
    for _ in range(1000):
        instrument.capture_exception(raised())
    found["held back"] = best(instrument.capture_exception, seconds)
    return found


def sentry(seconds: float) -> dict[str, float]:
    """Theirs: their events are put into bytes as they are sent, which the second case does in place."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Forget(Transport):  # type: ignore[misc,unused-ignore]
        def capture_envelope(self, envelope: Any) -> None:
            """Forget it."""

    class Encode(Forget):
        def capture_envelope(self, envelope: Any) -> None:
            """Write it as bytes, and forget those."""
            envelope.serialize()

    found = {}
    for case, transport in (("captured", Forget), ("encoded", Encode)):
        sentry_sdk.init("http://0123456789abcdef@127.0.0.1:9/1", traces_sample_rate=1.0, transport=transport)
        found[case] = best(sentry_sdk.capture_exception, seconds)
    return found


SUBJECTS = {"instrument": ours, "sentry-sdk": sentry}


def _run(python: str, name: str, seconds: float) -> dict[str, float]:
    command = [python, "-m", "benchmarks.errors", "--work", name, "--seconds", str(seconds)]
    said = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=600)
    if said.returncode:
        raise SystemExit(f"{name} failed:\n{said.stderr[-2000:]}")
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Run both in turn, and print the middle of the rounds; 1 when the limit is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.errors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each case is measured")
    parser.add_argument("--peers", help="the interpreter that has sentry-sdk; without it ours alone")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        print(json.dumps(SUBJECTS[given.work](given.seconds)), flush=True)
        return 0
    pythons = {"instrument": sys.executable} | ({"sentry-sdk": given.peers} if given.peers else {})
    rounds = [
        {name: _run(python, name, given.seconds) for name, python in pythons.items()} for _ in range(given.rounds)
    ]
    reached = True
    for case in rounds[0]["instrument"]:
        own = statistics.median(one["instrument"][case] for one in rounds)
        line = f"{case:10} {own:8.1f} us"
        if given.peers and case in rounds[0]["sentry-sdk"]:
            theirs = statistics.median(one["sentry-sdk"][case] for one in rounds)
            share = statistics.median(one["instrument"][case] / one["sentry-sdk"][case] for one in rounds)
            reached = reached and share <= LIMIT
            line += f"   sentry-sdk {theirs:8.1f} us   ratio {share:.2f} (at most {LIMIT:.2f})"
        print(line)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
