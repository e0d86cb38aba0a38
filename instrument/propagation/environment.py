"""A trace that enters a process with its environment: `SENTRY_TRACE` and `SENTRY_BAGGAGE`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .context import TraceContext
from .incoming import read_headers

__all__ = ["read_environment", "write_environment"]

_NO = frozenset({"false", "f", "no", "n", "off", "0"})


def read_environment(
    environ: Mapping[str, str],
    *,
    formats: Iterable[str] = ("sentry",),
    org_id: str | None = None,
    strict: bool = False,
) -> TraceContext | None:
    """The trace that the process which started this one was in, unless `SENTRY_USE_ENVIRONMENT` says no."""
    if environ.get("SENTRY_USE_ENVIRONMENT", "").strip().lower() in _NO:
        return None
    headers = {"sentry-trace": environ.get("SENTRY_TRACE", ""), "baggage": environ.get("SENTRY_BAGGAGE", "")}
    return read_headers(headers, formats=formats, org_id=org_id, strict=strict)


def write_environment(headers: Mapping[str, str]) -> dict[str, str]:
    """The variables that continue a trace in a child process, out of its `headers`.

    The baggage is written even when it is empty, so that the child does not inherit that of another trace.
    """
    trace = headers.get("sentry-trace")
    return {"SENTRY_TRACE": trace, "SENTRY_BAGGAGE": headers.get("baggage", "")} if trace else {}
