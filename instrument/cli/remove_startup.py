"""Undo `instrument install-startup`: take its file out of this environment's site-packages."""

from __future__ import annotations

import argparse
import sys

from .startup_file import place, remove

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`instrument remove-startup` has none."""


def run(arguments: argparse.Namespace) -> int:
    """Take the file away if it is there; 1 when that is not possible."""
    try:
        was_there = remove()
    except OSError as error:
        print(f"instrument: {place()} cannot be removed: {error.strerror}", file=sys.stderr)
        return 1
    print(f"Removed {place()}" if was_there else f"There is no {place()}; nothing to undo.")
    return 0
