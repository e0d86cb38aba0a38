"""Machine instructions instead of time, where noise hides a difference: `python -m benchmarks.instructions [CASE ...]`.

Each case runs under callgrind twice, with few and with many spans; what the many cost more, each, does not depend on
what else the machine does. It needs valgrind, and takes about half a minute a case.
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import instrument
from instrument.recording import Event
from instrument.wire import EventCodec

from . import floor
from .ours import OURS, Nowhere

__all__ = ["CASES", "WHOLE"]

FEW, MANY = 2_000, 12_000
CASES: dict[str, Callable[[int], None]] = {
    "floor": floor.blocks,
    "span": OURS.spans,
    "span with data": OURS.spans_with_data,
    "call": OURS.calls,
}
"""What is done within a transaction of 500 spans, and counted for each."""


class Encoding(Nowhere):
    """An exporter that does what the program's thread does for each item, and forgets the outcome."""

    def __init__(self) -> None:
        self._codec = EventCodec()

    def export(self, item: Event) -> None:
        """Encode it."""
        self._codec.encode(item)


def _transactions(spans: int) -> Callable[[int], None]:
    def run(count: int) -> None:
        for _ in range(count):
            with OURS.root():
                OURS.spans(spans)

    return run


WHOLE: dict[str, tuple[Callable[[int], None], type[Nowhere]]] = {
    "empty transaction": (_transactions(0), Nowhere),
    "of 5 spans": (_transactions(5), Nowhere),
    "of 5, encoded": (_transactions(5), Encoding),
    "of 500 spans": (_transactions(500), Nowhere),
    "of 500, encoded": (_transactions(500), Encoding),
}
"""Transactions, up to an exporter."""


def _count(case: str, times: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += [sys.executable, "-m", "benchmarks.instructions", "--work", case, str(times)]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc"}
    root = Path(__file__).parent.parent
    said = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", said.stderr)
    assert found is not None, said.stderr
    return int(found[1])


def _times(case: str) -> tuple[int, int]:
    if case not in WHOLE:
        return FEW, MANY
    return (10, 40) if "500" in case else (200, 1_200)


def _work(case: str, times: int) -> None:
    if case in WHOLE:
        run, exporter = WHOLE[case]
        instrument.init(exporter=exporter(), default_integrations=False)
        _settle()
        run(times)
        return
    OURS.keep()
    _settle()
    for _ in range(times // 500):
        with OURS.root():
            CASES[case](500)


def _settle() -> None:
    """A full collection looks at all that was imported; whether one falls into a run is chance."""
    gc.collect()
    gc.freeze()


def main() -> None:
    """Print instructions for each span, and the ratio to the floor."""
    if sys.argv[1:2] == ["--work"]:
        _work(sys.argv[2], int(sys.argv[3]))
        return
    if shutil.which("valgrind") is None:
        raise SystemExit("This needs valgrind (Debian and Ubuntu: apt install valgrind).")
    least = 0.0
    for case in ("floor", *(name for name in sys.argv[1:] or (*CASES, *WHOLE) if name != "floor")):
        few, many = _times(case)
        each = (_count(case, many) - _count(case, few)) / (many - few)
        least = least or each
        print(f"{case:18} {each:10,.0f} instructions  {each / least:8.2f} x floor", flush=True)


if __name__ == "__main__":
    main()
