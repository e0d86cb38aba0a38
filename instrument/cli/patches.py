"""List the automatic patches: which libraries they watch, whether they are on, and why they are not."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Any, Final

import instrument

from .. import _guard
from .._value import as_dict
from .captured_log import captured_log

__all__ = ["add_arguments", "run"]

HEADINGS: Final = {"name": "patch", "nanoseconds": "ns a call", "why": "why not"}
"""Headings that are not the names of what they stand over."""
RIGHT: Final = frozenset({"calls", "faults", "nanoseconds"})
OURS: Final = __name__.partition(".")[0]
GAP: Final = "  "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `instrument patches`."""
    parser.add_argument(
        "--no-import", action="store_true", help="do not import the libraries to see whether their patches fit"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Configure this process as the environment says, import the patched libraries, and list what is on then."""
    with captured_log() as log:
        client = instrument.init(exporter="none")
        if not arguments.no_import:
            for state in instrument.patches():
                if state.state == "waiting":
                    _guard.foreign(f"import of {state.target}", None, _import, state.target)
        rows = [as_dict(state) for state in instrument.patches()]
        client.close()
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    print("\n".join(_table(rows)))
    print("\nCalls, faults and times are those of this process; in a program, `instrument.patches()` tells its own.")
    for line in dict.fromkeys(log):
        print(f"instrument: {line}", file=sys.stderr)
    return 0


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError:
        pass  # it is not installed, which is what the table says then


def _table(rows: list[dict[str, Any]]) -> list[str]:
    names = [name for name in rows[0] if name != "target" or any(row["target"] != row["name"] for row in rows)]
    names = [name for name in names if any(row[name] not in ("", None, (), {}) for row in rows)]
    columns = [[HEADINGS.get(name, name), *(_cell(row[name]) for row in rows)] for name in names]
    for name, column in zip(names, columns, strict=True):
        width = max(map(len, column))
        column[:] = [cell.rjust(width) if name in RIGHT else cell.ljust(width) for cell in column]
    return [GAP.join(cells).rstrip() for cells in zip(*columns, strict=True)]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, dict):
        return ", ".join(name if owner == OURS else f"{name} (now {owner}'s)" for name, owner in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "-" if value in ("", None) else str(value)
