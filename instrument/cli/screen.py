"""What the terminal can show: how wide it is, whether it has colours, which characters it takes."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import attrs

from ..options import state_folder
from ..store import FILE_NAME

__all__ = ["Screen", "add_screen_arguments", "add_store_argument", "store_path"]


@attrs.frozen
class Screen:
    """Where the output goes."""

    width: int
    color: bool
    ascii_only: bool

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Screen:
        """What the arguments, the environment and standard output say together."""
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
        return cls(
            width=arguments.width or _terminal_width(),
            color=not arguments.no_color and _has_color(),
            ascii_only=not encoding.startswith("utf"),
        )


def add_screen_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say how to draw."""
    parser.add_argument(
        "--width", type=_columns, metavar="COLUMNS", help="columns to use; default: those of the terminal"
    )
    parser.add_argument("--no-color", action="store_true", help="no colours; the variable NO_COLOR does the same")


def add_store_argument(parser: argparse.ArgumentParser) -> None:
    """The option that says which store to read."""
    parser.add_argument(
        "--store", type=Path, metavar="PATH", help="the store's file; default: the one your programs share"
    )


def store_path(arguments: argparse.Namespace) -> Path:
    """The file of the store to read."""
    chosen = arguments.store or os.environ.get("INSTRUMENT_STORE_PATH")
    return Path(chosen) if chosen else state_folder() / FILE_NAME


def _has_color() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _terminal_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    # When output is piped, into a pager perhaps, the terminal is still where errors go.
    for descriptor in (1, 2):
        try:
            width = os.get_terminal_size(descriptor).columns
        except OSError:
            continue
        if width > 0:
            return width
    return 80


def _columns(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 20 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of columns from 20 to 1000")
    return number
