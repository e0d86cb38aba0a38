"""One real span through the real pipeline, and what became of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import instrument

from ... import _clock
from ...export.spool_survey import survey
from ...store import StoreError
from ...store.reading import Reader
from ...transport import Answer
from ..waiting import spool_folder
from ..witness import Way, said
from .case import Case
from .finding import Finding, ok, problem, warning

__all__ = ["NAME", "send_a_span"]

NAME: Final = "instrument doctor"
LOOK_SECONDS: Final = 0.1
SKEW_SECONDS: Final = 60.0


def send_a_span(case: Case) -> Iterator[Finding]:
    """Record a transaction, wait until every destination has answered to it, and say what they said."""
    with instrument.transaction(op="doctor", name=NAME, sampled=True) as root:
        for way in case.ways:
            way.witness.wanted = root.trace_id
        with instrument.span("doctor.check", "does this arrive?"):
            pass
    ends = _clock.seconds() + case.timeout
    while any(way.witness.verdict is None for way in case.ways) and _clock.seconds() < ends:
        if case.client.flush(LOOK_SECONDS):
            break
    dropped = case.client.stats().transactions.dropped
    if dropped:
        text = f"it was dropped on the way: {', '.join(dropped)}"
        yield problem("span", text, "Look at what drops it: options such as ignore_transactions, or the disk")
        return
    fate = _fate(case)
    for way in case.ways:
        answer = way.witness.verdict
        if answer is None:
            text = f"{way.witness.destination} did not answer within {case.timeout:g} s; {fate}"
            yield problem("span", text, "Is the server well? A longer --timeout waits for it")
        elif way.kind == "Local":
            yield _stored(way, answer, root.trace_id, fate)
        else:
            yield _answered(way, answer, root.trace_id, fate)
            yield from _clocks(way)


def _fate(case: Case) -> str:
    """What happens to a span that is not taken now."""
    own = f"{os.getpid()}-"
    if any(heap.path.name.startswith(own) for heap in survey(spool_folder(case.options))):
        return "it is kept on disk for later, as all would be"
    return "it is lost with this process, as the spool could not keep it"


def _stored(way: Way, answer: Answer, trace_id: str, fate: str) -> Finding:
    path = Path(way.witness.destination)
    if answer.outcome != "accepted":
        return problem("span", f"the store did not take it: {answer.detail}; {fate}", "Mend the file or its folder")
    try:
        with Reader(path) as reader:
            found = reader.trace(trace_id)
    except StoreError as error:
        return problem("span", f"it was written, but cannot be read: {error}", "Move the store away")
    if found is None:
        return problem("span", f"it was written to {path}, but is not there", "Is something removing traces?")
    return ok("span", f"stored in {path} and read back: `instrument show {trace_id[:8]}`")


def _answered(way: Way, answer: Answer, trace_id: str, fate: str) -> Finding:
    words = answer.detail + (f": {said(answer)}" if said(answer) else "")
    place = way.witness.destination
    if answer.outcome == "accepted" and answer.remark:
        return problem("span", f"{place} {answer.remark} ({words})", "Ask whoever runs the receiver what it takes")
    if answer.outcome == "accepted":
        return ok("span", f"{place} took it in {way.witness.took * 1000:.0f} ms ({words}); trace {trace_id}")
    if answer.outcome == "refused":
        text = f"{place} refused it for good ({words})"
        return problem("span", text, "Is this the address of a server for such data? If so, tell us")
    if answer.outcome == "unreachable":
        advice = "Look at the lines about the network; if all is well there, something on the way breaks it off"
        if answer.status is not None:
            advice = "Something on the way answers in the server's place: log in there, or mend the proxy"
        return problem("span", f"{place} did not take it ({words}); {fate}", advice)
    if answer.status == 429:
        return warning("span", f"{place} wants no more now ({words}){_rest(answer)}; {fate}", "Wait, or send less")
    return problem("span", f"{place} did not take it ({words}); {fate}", _advice(answer, way.kind))


def _advice(answer: Answer, kind: str) -> str:
    status = answer.status or 0
    if 300 <= status < 400:
        target = urlsplit(answer.headers.get("location", ""))
        where = f" ({target.scheme}://{target.netloc.rpartition('@')[2]})" if target.netloc else ""
        return f"A redirect is never followed, as it would get the key: put its target{where} into the DSN"
    if kind == "Otlp" and status in (401, 403):
        return "Are the headers right, such as those in OTEL_EXPORTER_OTLP_HEADERS?"
    if kind == "Otlp" and status == 404:
        return (
            "Is the path of the endpoint right? /v1/traces is appended unless it is OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        )
    if status in (401, 403):
        return "Is the key in the DSN the one that the project's settings show, and is it enabled?"
    if status == 404:
        return "Is the project at the end of the DSN right, and the path before it?"
    if status >= 500:
        return "The server has a trouble of its own; what is recorded arrives when it is over"
    return "Is this the right address?"


def _rest(answer: Answer) -> str:
    seconds = answer.headers.get("retry-after", "")
    return f" for {seconds} s" if re.fullmatch("[0-9]{1,6}", seconds) else ""


def _clocks(way: Way) -> Iterator[Finding]:
    """The server's clock beside ours, as its answer shows it to the second."""
    answer = way.witness.answer
    date = "" if answer is None else answer.headers.get("date", "")
    if not date:
        return
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return
    ahead = way.witness.answered_at / 1e9 - theirs
    if abs(ahead) <= SKEW_SECONDS:
        yield ok("clock", f"within {max(1, abs(round(ahead)))} s of the server's")
        return
    which = "ahead of" if ahead > 0 else "behind"
    text = f"our clock is {abs(ahead):.0f} s {which} the server's, and traces carry our times"
    yield warning("clock", text, "Have the clock of this machine set by NTP, or look at the server's")
