"""The command `instrument demo`: runs the indexer here and the service beside it, and reports."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import instrument

from ..screen import Screen, add_screen_arguments
from .indexer import Indexer
from .library import choose
from .report import destination, report
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
    print(f"Indexing {total} files of Python's standard library with two processes.")
    print(f"Their traces go to {destination(client)}.\n", flush=True)
    try:
        with indexing_service() as service:
            with _progress(total, screen) as advance:
                jobs = Indexer(service.port).index(batches, advance)
            instrument.flush(PATIENCE)
            told = service.finish()
    except ServiceFailed as error:
        print(f"instrument: {error}", file=sys.stderr)
        return 1
    print(report(client, screen, jobs, told))
    return 0


@contextmanager
def _progress(total: int, screen: Screen) -> Iterator[Callable[[], None]]:
    """A bar where somebody watches; gives a function that moves it on by one."""
    console = Console(stderr=True, no_color=not screen.color)
    columns = (TextColumn("Indexing"), BarColumn(bar_width=None), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _count(text: str) -> int:
    if not text.isdecimal() or not 3 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 3 to 100000")
    return int(text)
