"""Say what secrets the stored traces contain: which rule knows them, where they stand, and who recorded them.

What was filtered when it was recorded is there only as [Filtered]. What is in clear was recorded with a rule switched
off, or by an older version. Nothing is changed, and no secret is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import attrs

from ..processing.findings import Finding, Findings
from ..store import StoreError
from ..store.reading import Reader, Trace, walk
from .screen import add_store_argument, store_path
from .welcome import NOTHING_YET

__all__ = ["add_arguments", "run"]

HEADINGS = ("rule", "", "times", "where", "recorded by", "trace")
IN_CLEAR = 3


@attrs.define
class Row:
    """All findings of one rule at one place of one process."""

    rule: str
    filtered: bool
    count: int
    place: str
    process: str
    trace_id: str
    """The newest trace that has one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `instrument audit`."""
    parser.add_argument("trace", nargs="?", help="the first characters of a trace id; default: all traces")
    parser.add_argument("-n", type=int, default=1000, metavar="N", help="how many of the newest traces; default: 1000")
    parser.add_argument("--strict", action="store_true", help=f"exit with {IN_CLEAR} when something is in clear")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    add_store_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; with `--strict`, 3 when a secret is in clear."""
    path = store_path(arguments)
    looked = 0
    rows: dict[tuple[str, bool, str, str], Row] = {}
    findings = Findings()
    try:
        with Reader(path) as reader:
            for trace in _traces(reader, arguments.trace, max(1, arguments.n)):
                looked += 1
                for process, found in _in_trace(findings, trace):
                    key = (found.rule, found.is_filtered, found.place, process)
                    row = rows.get(key)
                    if row is None:
                        row = rows[key] = Row(found.rule, found.is_filtered, 0, found.place, process, trace.trace_id)
                    row.count += 1
    except StoreError as error:
        print(f"instrument: {error}", file=sys.stderr)
        return 1
    found_rows = sorted(rows.values(), key=lambda row: (row.filtered, row.rule, row.place, row.process))
    if arguments.json:
        print(json.dumps([attrs.asdict(row) for row in found_rows], indent=2))
    elif not looked:
        print(NOTHING_YET.format(path=path))
    else:
        print("\n".join(_table(found_rows, looked)))
    return IN_CLEAR if arguments.strict and any(not row.filtered for row in found_rows) else 0


def _traces(reader: Reader, prefix: str | None, limit: int) -> Iterator[Trace]:
    ids = [prefix] if prefix else [summary.trace_id for summary in reader.recent(limit)]
    for trace_id in ids:
        trace = reader.trace(trace_id)
        if trace is not None:
            yield trace


def _in_trace(findings: Findings, trace: Trace) -> Iterator[tuple[str, Finding]]:
    errors = list(trace.errors)
    for transaction in trace.transactions:
        for found in findings.in_event(transaction.event):
            yield transaction.label, found
    for node in walk(trace.roots):
        errors += node.errors
        if node.is_root:
            continue
        span = {"op": node.op, "description": node.name, "data": node.data, "tags": node.tags}
        for found in findings.in_span(span):
            yield node.transaction.label if node.transaction else "", found
    for error in errors:
        event = error.event
        process = event.get("contexts", {}).get("process", {}).get("service") or event.get("server_name") or ""
        for found in findings.in_event(event):
            yield str(process), found


def _table(rows: list[Row], looked: int) -> list[str]:
    from .wording import clean, quantity

    traces = quantity(looked, "trace")
    if not rows:
        return [f"No rule finds anything in {traces}."]
    cells = [HEADINGS]
    for row in rows:
        state = "filtered" if row.filtered else "IN CLEAR"
        shown: tuple[Any, ...] = (row.rule, state, row.count, row.place, row.process, row.trace_id[:8])
        cells.append(tuple(clean(str(one)) for one in shown))  # type: ignore[arg-type]  # as many as there are headings
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    clear = sum(row.count for row in rows if not row.filtered)
    said = f"{clear:,} in clear" if clear else "nothing in clear"
    return [*lines, "", f"{traces}; {said}. `instrument show TRACE` shows one; docs/data.md says how to change a rule."]
