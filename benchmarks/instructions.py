"""Machine instructions instead of time, where noise hides a difference: `python -m benchmarks.instructions [CASE ...]`.

Each case runs under callgrind twice, with few and with many spans; what the many cost more, each, does not depend on
what else the machine does. It needs valgrind, and takes about half a minute a case.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import floor
from .ours import OURS

__all__ = ["CASES"]

FEW, MANY = 2_000, 12_000
CASES: dict[str, Callable[[int], None]] = {
    "floor": floor.blocks,
    "span": OURS.spans,
    "span with data": OURS.spans_with_data,
    "call": OURS.calls,
}


def _count(case: str, times: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += [sys.executable, "-m", "benchmarks.instructions", "--work", case, str(times)]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc"}
    root = Path(__file__).parent.parent
    said = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", said.stderr)
    assert found is not None, said.stderr
    return int(found[1])


def _work(case: str, times: int) -> None:
    OURS.keep()
    for _ in range(times // 500):
        with OURS.root():
            CASES[case](500)


def main() -> None:
    """Print instructions for each span, and the ratio to the floor."""
    if sys.argv[1:2] == ["--work"]:
        _work(sys.argv[2], int(sys.argv[3]))
        return
    if shutil.which("valgrind") is None:
        raise SystemExit("This needs valgrind (Debian and Ubuntu: apt install valgrind).")
    least = 0.0
    for case in ("floor", *(name for name in sys.argv[1:] or CASES if name != "floor")):
        each = (_count(case, MANY) - _count(case, FEW)) / (MANY - FEW)
        least = least or each
        print(f"{case:16} {each:8,.0f} instructions  {each / least:5.2f} x floor", flush=True)


if __name__ == "__main__":
    main()
