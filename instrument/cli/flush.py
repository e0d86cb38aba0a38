"""Deliver what waits in the spool, above all what processes left that have died."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

import attrs

from .. import _clock
from .._books import Books
from .._value import evolve
from ..export import folder_name
from ..export.spool_survey import Heap, survey
from ..exporters import destination
from ..options import Options
from .captured_log import captured_log
from .hiding import hide, secrets
from .waiting import Waiting, left_by_the_dead, size, spool_folder
from .witness import Way, configured_names, said, ways

__all__ = ["add_arguments", "run"]

TIMEOUT: Final = 30.0
LOOK_SECONDS: Final = 0.1
MOST_FAILURES: Final = 3
CLOSE_SECONDS: Final = 0.2


@attrs.frozen
class Result:
    """How it went for one destination."""

    destination: str
    before: Waiting
    delivered: int
    refused: int
    waiting: int
    """Records that are still there."""
    elsewhere: int
    """Folders that another process is delivering from, or that nobody can read now."""
    reason: str
    """Why something is left."""
    is_done: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `instrument flush`."""
    parser.add_argument("--dsn", help="the DSN to deliver to; default: the destination that the environment names")
    parser.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, metavar="SECONDS", help="when to give up; default: 30"
    )
    parser.add_argument("--all", action="store_true", help="the local store as well, and what waits for anybody else")
    parser.add_argument("--json", action="store_true", help="JSON instead of lines")


def run(arguments: argparse.Namespace) -> int:
    """Deliver, and say how much was; 1 when something is left."""
    with captured_log() as log:
        try:
            options = Options.read(arguments.dsn)
            names = configured_names(options)
            if arguments.all and "local" not in names:
                names = (*names, "local")
            exporter, watched = ways(options, names)
            destination(evolve(options, exporter=exporter), Books())
        except (ValueError, TypeError) as error:
            print(f"instrument: {error}", file=sys.stderr)
            return 1
        known = secrets(arguments.dsn, options)
        root = spool_folder(options)
        ends = _clock.seconds() + arguments.timeout
        results = [_flush(way, root, ends, known) for way in watched]
    strangers = [heap for heap in survey(root) if heap.is_dead and heap.destination not in map(_folder, watched)]
    if arguments.json:
        print(json.dumps(_as_json(results, strangers), indent=2))
    else:
        _print(results, strangers, arguments.all)
        for line in dict.fromkeys(log):
            if not any(line.startswith(result.destination) for result in results):
                print(f"instrument: {hide(line, known)}", file=sys.stderr)
    return 1 if any(not result.is_done for result in results) or (arguments.all and strangers) else 0


def _flush(way: Way, root: Path, ends: float, known: list[str]) -> Result:
    before = left_by_the_dead(root, way.key)
    witness = way.witness
    is_done = not before.folders
    while not is_done and not _is_hopeless(way):
        left = ends - _clock.seconds()
        is_done = way.exporter.flush(max(0.0, min(LOOK_SECONDS, left)), orphans=True)
        if left <= 0:
            break
    reason = "" if is_done else hide(_reason(way), known)
    way.exporter.close(CLOSE_SECONDS)
    remaining = [heap for heap in before.heaps if any(heap.path.glob("*.log"))]
    taken = witness.delivered + witness.refused
    return Result(
        destination=witness.destination,
        before=before,
        delivered=witness.delivered,
        refused=witness.refused,
        waiting=left_by_the_dead(root, way.key).records if is_done else max(0, before.records - taken),
        elsewhere=len(remaining) if is_done else 0,
        reason=reason,
        is_done=is_done and not remaining,
    )


def _is_hopeless(way: Way) -> bool:
    """Whether waiting longer will not help: a setting is wrong, or nobody answers again and again."""
    answer, failures = way.witness.answer, way.witness.failures
    if answer is None or not failures:
        return False
    wrong = answer.status is not None and 300 <= answer.status < 500 and answer.status not in (408, 425, 429)
    return wrong or (answer.outcome == "unreachable" and failures >= MOST_FAILURES)


def _reason(way: Way) -> str:
    answer = way.witness.answer
    if answer is None or not way.witness.failures:
        return "time is up"  # perhaps while an answer is waited for
    return answer.detail + (f": {said(answer)}" if said(answer) else "")


def _print(results: list[Result], strangers: list[Heap], everything: bool) -> None:
    if not results:
        print("Nothing waits for this destination: it takes everything at once.")
    for result in results:
        if not result.before.folders and not result.elsewhere:
            print(f"{result.destination}: nothing waits.")
            continue
        print(f"{result.destination}: {result.before.told()} left by {_processes(result.before.folders)}.")
        left = f"{result.waiting:,} still waiting"
        print(f"  {result.delivered:,} delivered, {result.refused:,} refused for good, {left}.")
        if result.reason:
            print(f"  Not all was taken: {result.reason}. What is left stays on disk; `instrument doctor` tells more.")
        for heap in result.before.heaps:
            if heap.trouble:
                print(f"  {heap.path} {heap.trouble}, so nothing in it is delivered.")
        if result.elsewhere:
            print(f"  {_processes(result.elsewhere)} left something that another process is delivering, or set aside.")
    if strangers:
        total = size(sum(heap.bytes for heap in strangers))
        print(f"{_processes(len(strangers))} left {total} for other destinations.")
        if everything:
            print("  The spool does not know their addresses and keys: run this again with the DSN of each program.")


def _as_json(results: list[Result], strangers: list[Heap]) -> dict[str, Any]:
    return {
        "destinations": [
            {
                "destination": result.destination,
                "found": result.before.records,
                "delivered": result.delivered,
                "refused": result.refused,
                "waiting": result.waiting,
                "elsewhere": result.elsewhere,
                "reason": result.reason,
            }
            for result in results
        ],
        "other_destinations": {"processes": len(strangers), "bytes": sum(heap.bytes for heap in strangers)},
    }


def _folder(way: Way) -> str:
    return folder_name(way.key)


def _processes(count: int) -> str:
    return f"{count:,} process" + ("" if count == 1 else "es")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 86400.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 86400")
    return seconds
