"""Writing the headers of an outgoing request, and the same for a page."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from .baggage import write_baggage
from .sentry_trace import around_span_id
from .w3c import STATE_LENGTH, around_parent_id

__all__ = ["HeaderWriter", "html_meta", "is_target", "write_headers"]

_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


class HeaderWriter:
    """Writes the headers of one trace, for many spans: what they do not change is put together once."""

    __slots__ = ("_fixed", "_parts", "_pieces", "formats", "sampled")

    def __init__(
        self,
        *,
        trace_id: str,
        sampled: bool | None,
        dynamic_sampling_context: Mapping[str, str] | None,
        tracestate: str | None = None,
        formats: Collection[str] = ("sentry", "w3c"),
    ) -> None:
        self.sampled = sampled
        self.formats = formats
        self._parts: dict[str, tuple[str, str]] = {}
        """What the headers that name the span have before and after its id."""
        self._fixed: dict[str, str] = {}
        self._pieces: list[bytes] | None = None
        """The lines without the span's ids."""
        if "sentry" in formats:
            self._parts["sentry-trace"] = around_span_id(trace_id, sampled)
            if dynamic_sampling_context:
                baggage = write_baggage(tuple(dynamic_sampling_context.items()))
                if baggage:
                    self._fixed["baggage"] = baggage
        if "w3c" in formats:
            self._parts["traceparent"] = around_parent_id(trace_id, sampled)
            if tracestate and len(tracestate) <= STATE_LENGTH and tracestate.isascii() and tracestate.isprintable():
                self._fixed["tracestate"] = tracestate

    def write(self, span_id: str) -> dict[str, str]:
        """The headers that let another service continue the trace under the span `span_id`."""
        headers = {name: f"{front}{span_id}{back}" for name, (front, back) in self._parts.items()}
        headers.update(self._fixed)
        return headers

    def lines(self, span_id: str) -> bytes:
        """The same as they are written in a request of HTTP/1.1, without the end of the last line."""
        if self._pieces is None:
            written = "\r\n".join([f"{name}: {value}" for name, value in self.write("\0").items()])
            self._pieces = written.encode("latin-1").split(b"\0")
        return span_id.encode("latin-1").join(self._pieces)


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
    writer = HeaderWriter(
        trace_id=trace_id,
        sampled=sampled,
        dynamic_sampling_context=dynamic_sampling_context,
        tracestate=tracestate,
        formats=formats,
    )
    return writer.write(span_id)


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
