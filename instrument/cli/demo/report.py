"""What the demo says at the end: one trace as a waterfall, what was recorded and delivered, and what to type next."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import instrument
from instrument.exporters import Local

from ..._value import as_dict
from ...options import state_folder
from ...store import FILE_NAME, StoreError
from ...store.reading import Reader
from ..screen import Screen
from ..waterfall import render_trace
from ..wording import quantity
from .indexer import Job

__all__ = ["destination", "report"]

CATEGORIES: Final = ("transactions", "spans", "errors")
FATES: Final = {
    "delivered": "delivered",
    "spooled": "waiting on disk",
    "rejected": "refused by the server",
    "unsampled": "not sampled",
}


def destination(client: instrument.Client) -> str:
    """Where traces go."""
    dsn = client.options.dsn
    if isinstance(client.exporter, Local):
        return str(_store(client))
    # A DSN without its key: this line may end up in somebody's log.
    return f"{dsn.scheme}://{dsn.netloc}, project {dsn.project_id}" if dsn else repr(client.exporter)


def report(client: instrument.Client, screen: Screen, jobs: Sequence[Job], told: Mapping[str, Any]) -> str:
    """All of it. `told` is what the service said: how many "words" it knows, and its "stats"."""
    books = {"indexer": as_dict(instrument.stats()), "service": told["stats"]}
    parts = [_work(jobs, told["words"]), _table(books)]
    seen = _worth_seeing(jobs)
    if seen is not None and isinstance(client.exporter, Local):
        parts = [_waterfall(_store(client), seen.trace_id, screen), *parts, _next(seen.trace_id)]
    elif any(stats["spans"]["spooled"] for stats in books.values()):
        parts.append("What waits is sent as soon as a program with the same destination runs and the server is there.")
    elif seen is not None:
        parts.append(f"See it there: trace {seen.trace_id} spans both processes.")
    return "\n\n".join(parts)


def _worth_seeing(jobs: Sequence[Job]) -> Job | None:
    """The job whose trace shows most: some files of it were indexed and one failed."""
    recorded = [job for job in jobs if job.is_recorded]
    return max(recorded, key=lambda job: (job.indexed > 0) + (job.failed > 0), default=None)


def _store(client: instrument.Client) -> Path:
    return client.options.store_path or state_folder() / FILE_NAME


def _waterfall(store: Path, trace_id: str, screen: Screen) -> str:
    try:
        with Reader(store) as reader:
            trace = reader.trace(trace_id)
    except StoreError as error:
        return f"The trace cannot be shown: {error}"
    if trace is None:
        return f"The trace {trace_id} has not arrived in {store}."
    return render_trace(trace, screen.width, screen.color, ascii_only=screen.ascii_only).rstrip("\n")


def _work(jobs: Sequence[Job], words: int) -> str:
    files, failed = sum(job.indexed for job in jobs), sum(job.failed for job in jobs)
    return f"Indexed {quantity(files, 'file')}, {words:,} different words. {quantity(failed, 'file')} failed."


def _table(books: Mapping[str, Mapping[str, Any]]) -> str:
    """How much of each kind every process recorded, and what became of it."""
    lines = [f"{'recorded by':<14}" + "".join(f"{category:>14}" for category in CATEGORIES)]
    for process, stats in books.items():
        numbers = "".join(f"{stats[category]['started']:>14,}" for category in CATEGORIES)
        lines.append(f"the {process:<10}{numbers}   {_fate(stats)}")
    return "\n".join(lines)


def _fate(stats: Mapping[str, Any]) -> str:
    """What became of it. A transaction is one of the spans, so it is not counted again."""
    counts = [stats["spans"], stats["errors"]]
    if all(count["delivered"] == count["started"] for count in counts):
        return "all delivered"
    fates = {words: sum(count[outcome] for count in counts) for outcome, words in FATES.items()}
    fates["dropped"] = sum(sum(count["dropped"].values()) for count in counts)
    return ", ".join(f"{number:,} {words}" for words, number in fates.items() if number)


def _next(trace_id: str) -> str:
    called = _command()
    return "\n".join(
        [
            "Next:",
            f"  {called} show {trace_id[:8]}    this trace again",
            f"  {called} list             all traces, newest first",
        ]
    )


def _command() -> str:
    """What to type for `instrument`: its name if the shell finds this one by it, else its path."""
    called = Path(sys.argv[0])
    return f"{_typed(Path(sys.executable))} -m instrument" if called.name == "__main__.py" else _typed(called)


def _typed(program: Path) -> str:
    path = os.path.abspath(program)
    found = shutil.which(program.name)
    if found and os.path.abspath(found) == path:
        return program.name
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative
