"""The command `instrument demo`: runs the indexer here and the service beside it, then reports."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import attrs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import instrument
from instrument.exporters import Local

from ...options import state_folder
from ...store import FILE_NAME
from ..screen import Screen, add_screen_arguments
from .indexer import Indexer, Job
from .library import choose
from .report import command, summary, table, waterfall, worth_seeing
from .second_process import ServiceFailed, indexing_service

__all__ = ["add_arguments", "run"]

PATIENCE: Final = 5.0
"""Seconds to wait at the end until everything is delivered."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `instrument demo`."""
    parser.add_argument("--files", type=_count, default=120, metavar="N", help="how many files to index; default: 120")
    add_screen_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Index, and show what was recorded."""
    client = instrument.init(service_name="indexer")
    screen = Screen.of(arguments)
    batches = choose(arguments.files)
    total = sum(len(batch.paths) for batch in batches)
    print(f"Indexing {total} source files of Python's standard library: one process reads, another keeps the words.")
    print(f"Traces go to {_destination(client)}.\n", flush=True)
    try:
        with indexing_service() as service:
            with _progress(total, screen) as advance:
                jobs = Indexer(service.port).index(batches, advance)
            instrument.flush(PATIENCE)
            told = service.finish()
    except ServiceFailed as error:
        print(f"instrument: {error}", file=sys.stderr)
        return 1
    _report(client, screen, jobs, told)
    return 0


def _report(client: instrument.Client, screen: Screen, jobs: list[Job], told: dict[str, Any]) -> None:
    seen = worth_seeing(jobs)
    is_local = isinstance(client.exporter, Local)
    if is_local and seen is not None:
        store = client.options.store_path or state_folder() / FILE_NAME
        print(waterfall(store, seen.trace_id, screen))
    print(summary(sum(job.indexed for job in jobs), sum(job.failed for job in jobs), told["words"]), end="\n\n")
    print(table({"indexer": attrs.asdict(instrument.stats()), "service": told["stats"]}), end="\n\n")
    if is_local and seen is not None:
        print(f"Next: {command()} show {seen.trace_id[:8]}    this trace again")
        print(f"      {command()} list             all traces, newest first")
    elif seen is not None:
        print(f"Look there for the trace {seen.trace_id}, in which a file failed.")
