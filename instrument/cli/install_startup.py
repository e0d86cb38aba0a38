"""Let every Python program of this environment be traced that runs with INSTRUMENT_AUTO=1. No other is touched.

It writes one small file into site-packages; `instrument remove-startup` takes it away. Processes that such a program
starts are traced as well, as they inherit the variable. Python's option -S switches it off, -E and -I do not.
"""

from __future__ import annotations

import argparse
import sys

from .startup_file import AUTO, install, place

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`instrument install-startup` has none."""


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say where it is; 1 when that is not possible."""
    try:
        path = install()
    except OSError as error:
        print(f"instrument: {place()} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"Wrote {path}\nPrograms of {sys.prefix} that run with {AUTO}=1 are traced from now on.")
    return 0
