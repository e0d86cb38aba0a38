"""Check everything between a span and its destination, and send one to see it arrive."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import attrs

import instrument

from ... import _guard
from ..._version import version
from ...options import Options
from ..captured_log import captured_log
from ..hiding import secrets
from ..screen import Screen, add_screen_arguments
from ..witness import configured_names, ways
from .case import Case, Check
from .disk import look_at_folders, look_at_spool, look_at_store
from .finding import Finding, hidden, problem, render, warning
from .network import look_at_network
from .settings import look_at_destination, look_at_options, look_at_patches, look_at_variables, refused
from .surroundings import look_at_processes, look_at_python, look_at_tracers
from .verdict import send_a_span

__all__ = ["add_arguments", "run"]

CHECKS: Final[tuple[Check, ...]] = (
    look_at_options,
    look_at_destination,
    look_at_network,
    look_at_folders,
    look_at_spool,
    look_at_store,
    look_at_patches,
    send_a_span,
)
SURROUNDINGS: Final = (look_at_python, look_at_processes, look_at_tracers)
TIMEOUT: Final = 12.0
CLOSE_SECONDS: Final = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `instrument doctor`."""
    parser.add_argument("--dsn", help="the DSN to check; default: what the environment says, as for init")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=TIMEOUT,
        metavar="SECONDS",
        help="how long to wait for the answer to the span; default: 12",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of lines")
    add_screen_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Say what is found, each line as it is found; 1 when there is a problem."""
    shown: list[Finding] = []
    say = partial(_print, Screen.of(arguments))
    with captured_log() as log:
        known = secrets(arguments.dsn)
        for finding in _findings(arguments, log, known):
            shown.append(hidden(finding, known))
            if not arguments.json:
                say(shown[-1])
    problems = sum(finding.level == "problem" for finding in shown)
    if arguments.json:
        findings = [attrs.asdict(finding) for finding in shown]
        print(json.dumps({"version": version(), "problems": problems, "findings": findings}, indent=2))
    return 1 if problems else 0


def _findings(arguments: argparse.Namespace, log: list[str], known: list[str]) -> Iterator[Finding]:
    for look in SURROUNDINGS:
        yield from _safely(look, look.__name__, log)
    try:
        options = Options.read(arguments.dsn)
        yield from look_at_variables(log[:])
        log.clear()
        case = _case(options, arguments.timeout)
    except (ValueError, TypeError) as error:
        yield refused(error)
        return
    known.extend(secrets(None, options))
    try:
        for check in CHECKS:
            yield from _safely(partial(check, case), check.__name__, log)
    finally:
        case.client.close(CLOSE_SECONDS)
    for line in dict.fromkeys(log):
        if not any(line.startswith(way.witness.destination) for way in case.ways):
            yield warning("log", line, "A program says this on the logger `instrument`")


def _case(options: Options, timeout: float) -> Case:
    names = configured_names(options)
    exporter, watched = ways(options, names)
    client = instrument.init(options.dsn, exporter=exporter)
    return Case(options, names, watched, client, timeout)


def _safely(look: Callable[[], Iterator[Finding]], name: str, log: list[str]) -> Iterator[Finding]:
    """What `look` finds. When it fails itself, that is a finding too, and the other checks go on."""
    findings = look()
    while True:
        before = len(log)
        finding = _guard.guarded(f"check {name}", _FAILED, next, findings, None)
        if finding is None:
            return
        if finding is _FAILED:
            why = "; ".join(log[before:]) or "it failed"
            del log[before:]
            yield problem(name.replace("look_at_", ""), f"this check could not be made: {why}", "Please report this")
            return
        yield finding


_FAILED: Final = problem("", "", "")


def _print(screen: Screen, finding: Finding) -> None:
    width = screen.width if sys.stdout.isatty() else None
    print(render(finding, width, color=screen.color, ascii_only=screen.ascii_only), flush=True)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 < seconds <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, above 0 and at most 3600")
    return seconds
