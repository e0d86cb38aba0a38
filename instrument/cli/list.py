"""List recent traces, newest first."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import attrs

from ..store import StoreError
from ..store.reading import Reader, TraceSummary, read_duration, read_moment
from .screen import Screen, add_screen_arguments, add_store_argument, store_path
from .welcome import NOTHING_YET

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `instrument list`."""
    parser.add_argument("-n", type=_count, default=20, metavar="N", help="how many; default: 20")
    parser.add_argument("--op", help="traces with a span of this op")
    parser.add_argument("--name", help="… with this text in its name; * and ? stand for any characters")
    parser.add_argument("--status", help="… with this status, such as internal_error")
    parser.add_argument("--min-duration", type=_seconds, metavar="TIME", help="… that took this long: 250ms, 1.5s, 2m")
    parser.add_argument(
        "--since", type=_moment, metavar="WHEN", help="traces since then: 10m, 2h, 3d, or 2026-01-31T12:00"
    )
    parser.add_argument("--errors", action="store_true", help="only traces with error events")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    add_screen_arguments(parser)
    add_store_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the traces that fit."""
    path = store_path(arguments)
    try:
        with Reader(path) as reader:
            found = reader.find(
                op=arguments.op,
                name=arguments.name,
                status=arguments.status,
                min_duration=arguments.min_duration,
                since=arguments.since,
                errors=arguments.errors,
                limit=arguments.n,
            )
            is_empty = not found and not reader.recent(1)
    except StoreError as error:
        print(f"instrument: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps([as_json(summary) for summary in found], indent=2))
    elif is_empty:
        print(NOTHING_YET.format(path=path))
    elif not found:
        print("No trace fits; `instrument list` without filters shows all of them.")
    else:
        from .table import render_list

        screen = Screen.of(arguments)
        print(render_list(found, screen.width, screen.color, ascii_only=screen.ascii_only), end="")
    return 0


def as_json(summary: TraceSummary) -> dict[str, Any]:
    """One trace as plain data; times in Unix seconds, durations in seconds."""
    return attrs.asdict(summary)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100000")
    return int(text)


def _seconds(text: str) -> float:
    return _read(read_duration, text)


def _moment(text: str) -> float:
    return _read(read_moment, text)


def _read(read: Callable[[str], float], text: str) -> float:
    try:
        return read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
