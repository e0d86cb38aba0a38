"""What is configured: the options, where it all goes, and which libraries are patched."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from typing import Final

import instrument

from ..._value import fields
from ...options import Options
from .case import Case
from .finding import Finding, ok, problem, warning

__all__ = ["look_at_destination", "look_at_options", "look_at_patches", "look_at_variables", "refused"]

OTHERS: Final = frozenset({"INSTRUMENT_AUTO", "INSTRUMENT_TRACE"})
"""Variables of ours that are no options."""
NOT_ASKED: Final = "not asked for"
"""What is said of a patch that is off because it is only put on for who names it."""
OPTIONS: Final = tuple(fields(Options))


def look_at_variables(complaints: list[str]) -> Iterator[Finding]:
    """Variables that cannot be used, as `complaints` say, and those that mean nothing to us."""
    for line in complaints:
        yield warning("options", line, "What is not understood counts as not set")
    known = [f"INSTRUMENT_{name.upper()}" for name in OPTIONS]
    for name in sorted(os.environ):
        if name.startswith("INSTRUMENT_") and name not in known and name not in OTHERS:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
            advice = f"Did you mean {near[0]}?" if near else "Take it out"
            yield warning("options", f"the variable {name} is not one of ours", advice)


def look_at_options(case: Case) -> Iterator[Finding]:
    """What the environment changes, and what keeps traces from being recorded."""
    options, plain = case.options, Options()
    skipped = ("dsn", "exporter", "server_name", "ignore_transactions", "org_id")
    changed = [name for name in OPTIONS if name not in skipped and getattr(options, name) != getattr(plain, name)]
    shown = ", ".join(f"{name}={_shown(getattr(options, name))}" for name in changed)
    yield ok("options", f"from the environment: {shown or 'nothing but the destination'}; what code gives is not known")
    if options.only_passes_ids:
        yield warning("options", "nothing is recorded: there is no traces_sample_rate", "Set it to 1.0 or a share")
    elif options.traces_sampler is None and not options.traces_sample_rate:
        yield warning("options", "no trace is recorded: traces_sample_rate is 0", "Set it to 1.0 or a share")


def look_at_destination(case: Case) -> Iterator[Finding]:
    """Where what is recorded goes."""
    if not case.names:
        yield warning("destination", "there is none, so nothing is kept", "Set a DSN, or take out the empty one")
    for way in case.ways:
        yield ok("destination", f"{way.kind}: {way.witness.destination}")
    for name in case.names:
        if name in ("console", "memory"):
            yield ok("destination", f"{name}: nothing leaves the process by it")
    if case.options.dsn is not None and case.options.dsn.scheme == "http":
        place = case.options.dsn.host
        if place not in ("localhost", "::1") and not place.startswith("127."):
            yield warning("destination", f"what is sent to {place} is not encrypted", "Use https in the DSN")


def look_at_patches(case: Case) -> Iterator[Finding]:
    """The automatic patches in a process that is configured so."""
    states = instrument.patches()
    ready = [state.name for state in states if state.state == "on"]
    waiting = [state.name for state in states if state.state == "waiting"]
    off = {f"{state.name} ({state.why})": state.why for state in states if state.state == "off"}
    failed = [shown for shown, why in off.items() if not why.startswith(NOT_ASKED)]
    if ready:
        yield ok("patches", "on: " + ", ".join(ready))
    if waiting:
        yield ok("patches", "on as soon as they are imported: " + ", ".join(waiting))
    if off and not case.options.default_integrations:
        yield ok("patches", "off, as default_integrations is off: " + ", ".join(off))
    elif failed:
        yield warning("patches", "off: " + ", ".join(failed), "`instrument patches` tells more")


def refused(error: ValueError | TypeError) -> Finding:
    """The configuration is refused."""
    return problem("options", str(error).rstrip("."), "`init` raises this too; nothing is recorded until it is right")


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, os.PathLike) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
