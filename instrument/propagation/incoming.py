"""Reading the headers of a request, a message or a job: from whatever shape they have to a `TraceContext`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from .. import _guard
from .baggage import LONGEST, read_baggage
from .context import TraceContext
from .numbers import fraction, millionths
from .sampling_context import sample_rand
from .sentry_trace import read_sentry_trace
from .w3c import read_traceparent, read_tracestate

__all__ = ["read_headers"]

NAMES = ("sentry-trace", "baggage", "traceparent", "tracestate")
_ENVIRON = {name: "HTTP_" + name.upper().replace("-", "_") for name in NAMES}
_WANTED: dict[Any, str] = {
    **{name: name for name in NAMES},
    **{name.encode(): name for name in NAMES},
    **{key.lower(): name for name, key in _ENVIRON.items()},
}
HEADERS = 1000
"""How many headers are looked at."""
REPEATS = 64
"""How many of one name."""
_LONGEST_NAME = max(map(len, _WANTED))


def read_headers(
    headers: Any, *, formats: Iterable[str] = ("sentry", "w3c"), org_id: str | None = None, strict: bool = False
) -> TraceContext | None:
    """The trace that `headers` ask us to continue, or `None` to begin one of our own.

    `headers` is a mapping in any case, a WSGI environ, or pairs of text or bytes as ASGI has them. `sentry-trace` wins
    over `traceparent`. A trace of another organisation than `org_id` is not continued; with `strict`, neither is one
    when only one side says which organisation it is.
    """
    return _guard.guarded("reading trace headers", None, _read, headers, tuple(formats), org_id, strict)


def _read(headers: Any, formats: tuple[str, ...], org_id: str | None, strict: bool) -> TraceContext | None:
    found = _collect(headers)
    if "sentry-trace" not in found and "traceparent" not in found:
        return None
    sentry = read_sentry_trace(_joined(found, "sentry-trace")) if "sentry" in formats else None
    w3c = _one_parent(found) if "w3c" in formats else None
    parent = sentry or w3c
    if parent is None:
        return None
    trace_id, span_id, sampled = parent
    ours = read_baggage(_joined(found, "baggage")) if "sentry" in formats else {}
    if sentry is None and ours.get("trace_id") != trace_id:
        ours = {}
    if not _same_organisation(org_id, ours.get("org_id"), strict):
        return None
    rand = _settle(ours, trace_id, sampled)
    state = read_tracestate(_joined(found, "tracestate")) if w3c is not None and w3c[0] == trace_id else None
    return TraceContext(trace_id, span_id, sampled, rand, ours, state)


def _settle(ours: dict[str, str], trace_id: str, sampled: bool | None) -> str | None:
    """Take numbers that are none out of an incoming context, add the random number it lacks, and return that."""
    rate = fraction(ours.get("sample_rate"))
    if rate is None:
        ours.pop("sample_rate", None)
    rand = millionths(ours.get("sample_rand"))
    if rand is None:
        ours.pop("sample_rand", None)
        rand = sample_rand(trace_id, sampled, rate)
        if ours and rand is not None:
            ours["sample_rand"] = rand
    return rand


def _same_organisation(ours: str | None, theirs: str | None, strict: bool) -> bool:
    if ours and theirs:
        return str(ours) == theirs
    return not strict or not (ours or theirs)


def _one_parent(found: dict[str, list[str]]) -> tuple[str, str, bool] | None:
    values = found.get("traceparent", ())
    return read_traceparent(values[0]) if len(values) == 1 else None


def _joined(found: dict[str, list[str]], name: str) -> str:
    values = found.get(name, ())
    return values[0] if len(values) == 1 else ",".join(values)


def _collect(headers: Any) -> dict[str, list[str]]:
    """The values of the four headers, no more of each than will be looked at."""
    found: dict[str, list[str]] = {}
    if isinstance(headers, dict) and ("REQUEST_METHOD" in headers or "wsgi.version" in headers):
        # An environ may hold the variables of the process as well: only HTTP_ names came with the request.
        for name, key in _ENVIRON.items():
            if key in headers:
                _add(found, name, headers[key])
        return found
    items = getattr(headers, "items", None)
    for key, value in islice(items() if callable(items) else headers or (), HEADERS):
        if isinstance(key, (str, bytes)) and len(key) <= _LONGEST_NAME:
            wanted = _WANTED.get(key) or _WANTED.get(key.lower())
            if wanted is not None:
                _add(found, wanted, value)
    return found


def _add(found: dict[str, list[str]], name: str, value: Any) -> None:
    values = found.setdefault(name, [])
    for one in value[:REPEATS] if isinstance(value, (list, tuple)) else (value,):
        if isinstance(one, (bytes, bytearray)):
            one = one[: LONGEST + 1].decode("latin-1")
        room = LONGEST + 1 - sum(map(len, values))
        if isinstance(one, str) and room > 0 and len(values) < REPEATS:
            values.append(one[:room])
