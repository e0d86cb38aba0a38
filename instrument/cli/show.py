"""Show one trace as a waterfall: who called whom, when, for how long, and what went wrong where."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..store import StoreError
from ..store.reading import AmbiguousTrace, ErrorRecord, Reader, SpanNode, Trace, walk
from .screen import Screen, add_screen_arguments, add_store_argument, store_path
from .welcome import NOTHING_YET

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `instrument show`."""
    parser.add_argument(
        "trace",
        nargs="?",
        help="the first characters of a trace id, or the id of an error event; default: the newest trace",
    )
    parser.add_argument("--all", action="store_true", help="a line for every span, however many are alike")
    parser.add_argument("--json", action="store_true", help="JSON instead of a picture")
    add_screen_arguments(parser)
    add_store_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the trace; 1 when there is no such trace."""
    path = store_path(arguments)
    try:
        with Reader(path) as reader:
            trace = reader.trace(arguments.trace) if arguments.trace else reader.newest()
    except AmbiguousTrace as error:
        lines = "\n".join(f"  instrument show {match}" for match in error.matches)
        print(f"instrument: several traces begin with {error.prefix!a}:\n{lines}", file=sys.stderr)
        return 1
    except StoreError as error:
        print(f"instrument: {error}", file=sys.stderr)
        return 1
    if trace is None and arguments.trace:
        print(
            f"instrument: there is no trace {arguments.trace!a} in {path}; `instrument list` shows what there is.",
            file=sys.stderr,
        )
        return 1
    if arguments.json:
        print(json.dumps(trace and as_json(trace), indent=2))
    elif trace is None:
        print(NOTHING_YET.format(path=path))
    else:
        from .waterfall import render_trace

        screen = Screen.of(arguments)
        picture = render_trace(
            trace, screen.width, screen.color, ascii_only=screen.ascii_only, everything=arguments.all
        )
        print(picture, end="")
    return 0


def as_json(trace: Trace) -> dict[str, Any]:
    """The trace as plain data. Spans are a flat list, parents first: a tree may be deeper than readers of JSON go."""
    return {
        "trace_id": trace.trace_id,
        "start": trace.start,
        "duration": trace.duration,
        "processes": list(dict.fromkeys(transaction.label for transaction in trace.transactions)),
        "spans": [_span(node) for node in walk(trace.roots)],
        "errors": [_error(error) for node in walk(trace.roots) for error in node.errors]
        + [_error(error) for error in trace.errors],
    }


def _span(node: SpanNode) -> dict[str, Any]:
    return {
        "span_id": node.span_id,
        "parent_span_id": node.parent_span_id,
        "process": node.transaction.label if node.transaction else None,
        "transaction": node.is_root,
        "op": node.op,
        "name": node.name,
        "status": node.status,
        "start": node.start,
        "duration": node.duration,
        "clock_shift": node.shift,
        "origin": node.origin,
        "data": node.data,
        "tags": node.tags,
        "measurements": node.measurements,
    }


def _error(error: ErrorRecord) -> dict[str, Any]:
    return {
        "event_id": error.event_id,
        "span_id": error.span_id,
        "time": error.time,
        "level": error.level,
        "title": error.title,
        "place": error.place,
    }
