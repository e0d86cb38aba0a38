"""Writing the headers of an outgoing request, and the same for a page."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from .baggage import write_baggage
from .sentry_trace import write_sentry_trace
from .w3c import STATE_LENGTH, write_traceparent

__all__ = ["html_meta", "is_target", "write_headers"]

_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def write_headers(
    *,
    trace_id: str,
    span_id: str,
    sampled: bool | None,
    dynamic_sampling_context: Mapping[str, str] | None,
    tracestate: str | None = None,
    formats: Collection[str] = ("sentry", "w3c"),
) -> dict[str, str]:
    """The headers that let another service continue this trace under the span `span_id`.

    The ids must be ours or checked ones. Values of the sampling context are percent-encoded and at most 8192 bytes go
    out as `baggage`; without a context there is no such header.
    """
    headers = {}
    if "sentry" in formats:
        headers["sentry-trace"] = write_sentry_trace(trace_id, span_id, sampled)
        if dynamic_sampling_context:
            baggage = write_baggage(tuple(dynamic_sampling_context.items()))
            if baggage:
                headers["baggage"] = baggage
    if "w3c" in formats:
        headers["traceparent"] = write_traceparent(trace_id, span_id, sampled)
        if tracestate and len(tracestate) <= STATE_LENGTH and tracestate.isascii() and tracestate.isprintable():
            headers["tracestate"] = tracestate
    return headers


def html_meta(headers: Mapping[str, str]) -> str:
    """The tags that let a browser continue the trace, for the head of a page; their content is escaped."""
    return "\n".join(
        f'<meta name="{name}" content="{headers[name].translate(_ESCAPED)}">'
        for name in ("sentry-trace", "baggage", "traceparent")
        if headers.get(name)
    )


def is_target(url: str, targets: Iterable[str | re.Pattern[str]] | None) -> bool:
    """Whether trace headers may go to `url`: `None` lets every host have them, an empty list none.

    A text is a target when the address contains it, a compiled pattern when it is found in the address.
    """
    if targets is None:
        return True
    return any(target in url if isinstance(target, str) else target.search(url) is not None for target in targets)
