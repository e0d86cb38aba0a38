"""Reading the headers of a request, a message or a job: from whatever shape they have to a `TraceContext`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from .. import _guard
from .baggage import LONGEST, MEMBERS, read_baggage
from .context import TraceContext
from .numbers import fraction, millionths
from .sampling_context import sample_rand
from .sentry_trace import read_sentry_trace
from .w3c import read_traceparent, read_tracestate

__all__ = ["read_headers"]

NAMES = ("sentry-trace", "baggage", "traceparent", "tracestate")
_ENVIRON = {name: "HTTP_" + name.upper().replace("-", "_") for name in NAMES}
_IN_ENVIRON = tuple(_ENVIRON.items())
_WANTED: dict[Any, str] = {
    **{name: name for name in NAMES},
    **{name.encode(): name for name in NAMES},
    **{key.lower(): name for name, key in _ENVIRON.items()},
}
HEADERS = 1000
"""How many headers are looked at."""
REPEATS = MEMBERS
"""How many values of one name."""
_LONGEST_NAME = 64
_names: dict[Any, str] = {}
"""For names of headers that have been seen which of the four it is."""
NAMES_KEPT = 500


def read_headers(
    headers: Any, *, formats: Iterable[str] = ("sentry", "w3c"), org_id: str | None = None, strict: bool = False
) -> TraceContext | None:
    """The trace that `headers` ask us to continue, or `None` to begin one of our own.

    `headers` is a mapping in any case, a WSGI environ, or pairs of text or bytes as ASGI has them. `sentry-trace` wins
    over `traceparent`. A trace of another organisation than `org_id` is not continued; with `strict`, neither is one
    when only one side says which organisation it is.
    """
    return _guard.guarded("reading trace headers", None, _read, headers, formats, org_id, strict)


def _read(headers: Any, formats: Iterable[str], org_id: str | None, strict: bool) -> TraceContext | None:
    found = _collect(headers)
    sentry = w3c = None
    if "sentry" in formats and "sentry-trace" in found:
        sentry = read_sentry_trace(found["sentry-trace"])
    # Beside a `sentry-trace` that counts, the other is of interest only for what comes with it.
    if "w3c" in formats and "traceparent" in found and (sentry is None or "tracestate" in found):
        w3c = read_traceparent(found["traceparent"])
    parent = sentry or w3c
    if parent is None:
        return None
    trace_id, span_id, sampled = parent
    ours = read_baggage(found["baggage"]) if "sentry" in formats and "baggage" in found else {}
    if sentry is None and ours.get("trace_id") != trace_id:
        ours = {}
    if (org_id is not None or strict) and not _same_organisation(org_id, ours.get("org_id"), strict):
        return None
    rand = _settle(ours, trace_id, sampled)
    state = read_tracestate(found.get("tracestate", "")) if w3c is not None and w3c[0] == trace_id else None
    return TraceContext(trace_id, span_id, sampled, rand, ours, state)


def _settle(ours: dict[str, str], trace_id: str, sampled: bool | None) -> str | None:
    """Take numbers that are none out of an incoming context, add the random number it lacks, and return that."""
    rate = rand = None
    if "sample_rate" in ours:
        rate = fraction(ours["sample_rate"])
        if rate is None:
            del ours["sample_rate"]
    if "sample_rand" in ours:
        rand = millionths(ours["sample_rand"])
        if rand is None:
            del ours["sample_rand"]
    if rand is None:
        rand = sample_rand(trace_id, sampled, rate)
        if ours and rand is not None:
            ours["sample_rand"] = rand
    return rand


def _same_organisation(ours: str | None, theirs: str | None, strict: bool) -> bool:
    if ours and theirs:
        return str(ours) == theirs
    return not strict or not (ours or theirs)


def _collect(headers: Any) -> dict[str, str]:
    """The values of the four headers, no more of each than will be looked at; several of one name joined by commas."""
    found: dict[str, str] = {}
    if isinstance(headers, dict) and ("REQUEST_METHOD" in headers or "wsgi.version" in headers):
        # An environ may hold the variables of the process as well: only HTTP_ names came with the request.
        for name, key in _IN_ENVIRON:
            if key in headers:
                value = headers[key]
                if type(value) is str and len(value) <= LONGEST:
                    found[name] = value
                else:
                    _add(found, name, value)
        return found
    recall = _names.get
    for key, value in headers if type(headers) is list and len(headers) <= HEADERS else _pairs(headers):
        if type(key) is not bytes and not isinstance(key, (str, bytes)):
            continue
        wanted = recall(key)
        if wanted is None:
            wanted = _name(key)
        if wanted:
            if type(value) is bytes and len(value) <= LONGEST and wanted not in found:
                found[wanted] = value.decode("latin-1")
            else:
                _add(found, wanted, value)
    return found


def _pairs(headers: Any) -> list[tuple[Any, Any]]:
    """The headers that a mapping of a stranger's holds, or what else gives names and values."""
    return _guard.foreign("incoming headers", [], _listed, headers)


def _listed(headers: Any) -> list[tuple[Any, Any]]:
    items = getattr(headers, "items", None)
    return [(key, value) for key, value in islice(items() if callable(items) else headers or (), HEADERS)]


def _name(key: Any) -> str:
    """Which of the four headers it is, or an empty text."""
    if not isinstance(key, (str, bytes)) or len(key) > _LONGEST_NAME:
        return ""
    name = _WANTED.get(key.lower(), "")
    # Names come from strangers, so not all of them are remembered.
    if len(_names) < NAMES_KEPT:
        _names[key] = name
    return name


def _add(found: dict[str, str], name: str, value: Any) -> None:
    """Put a value beside those that are there, as far as there is room; or several that came together."""
    former = found.get(name)
    if former is not None and (len(former) > LONGEST or former.count(",") >= REPEATS):
        return
    if isinstance(value, (list, tuple)):
        for one in value[:REPEATS]:
            if not isinstance(one, (list, tuple)):
                _add(found, name, one)
        return
    if isinstance(value, (bytes, bytearray)):
        value = value[: LONGEST + 1].decode("latin-1")
    elif not isinstance(value, str):
        return
    if former is None:
        found[name] = value if type(value) is str and len(value) <= LONGEST else value[: LONGEST + 1]
    elif name == "traceparent":
        found[name] = ","  # two are none
    else:
        found[name] = f"{former},{value[: LONGEST + 1 - len(former)]}"
