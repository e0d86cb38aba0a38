"""What the demo says at the end: one trace as a waterfall, what was recorded and delivered, and what to type next."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...store import Reader, StoreError
from ..screen import Screen
from ..waterfall import render_trace
from ..wording import quantity
from .indexer import Job

__all__ = ["command", "table", "waterfall", "worth_seeing"]

CATEGORIES = ("transactions", "spans", "errors")


def worth_seeing(jobs: Sequence[Job]) -> Job | None:
    """The job whose trace shows most: one in which both went well, indexing and failing, if there is one."""
    recorded = [job for job in jobs if job.recorded]
    return max(recorded, key=lambda job: (job.indexed > 0) + (job.failed > 0), default=None)


def waterfall(store: Path, trace_id: str, screen: Screen) -> str:
    """The trace as it came to lie in the local store."""
    try:
        with Reader(store) as reader:
            trace = reader.trace(trace_id)
    except StoreError as error:
        return f"The trace cannot be shown: {error}\n"
    if trace is None:
        return f"The trace has not arrived in {store}.\n"
    return render_trace(trace, screen.width, screen.color, ascii_only=screen.ascii_only)


def table(processes: Mapping[str, Mapping[str, Any]]) -> str:
    """How many of each kind were recorded by each process, and what of it was delivered."""
    columns = "".join(f"{category:>14}" for category in CATEGORIES)
    lines = [f"{'recorded by':<16}{columns}"]
    for process, stats in processes.items():
        numbers = "".join(f"{stats[category]['started']:>14,}" for category in CATEGORIES)
        lines.append(f"  the {process:<10}{numbers}   {_fate(stats)}")
    return "\n".join(lines)


def _fate(stats: Mapping[str, Any]) -> str:
    """What became of it, in a few words."""
    counts = [stats[category] for category in CATEGORIES]
    if all(count["delivered"] == count["started"] for count in counts):
        return "all delivered"
    delivered = sum(count["delivered"] for count in counts[1:])
    waiting = sum(count["spooled"] for count in counts[1:])
    fate = f"{delivered:,} delivered"
    return fate + (f", {waiting:,} wait on disk" if waiting else "")


def command() -> str:
    """How the user types `instrument`: by its name if the shell finds it, else by its path."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        python = Path(sys.executable)
        return f"{_typed(python)} -m instrument"
    return _typed(called)


def _typed(program: Path) -> str:
    found = shutil.which(program.name)
    if found and os.path.samefile(found, program):
        return program.name
    relative = os.path.relpath(program)
    return relative if not relative.startswith(os.pardir) else str(program.absolute())


def summary(files: int, failed: int, words: int) -> str:
    """What the program did, apart from being watched."""
    return f"Indexed {quantity(files, 'file')} with {words:,} different words; {quantity(failed, 'file')} failed."
