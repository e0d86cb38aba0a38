"""The shape that all HTTP clients share: a request goes out, and is answered or is not.

An adapter says how to read a method, a URL and a status, and how to add a header; everything else is decided here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from .. import _guard
from .._clock import ticks, wall
from ..dsn import Dsn
from ..propagation import is_target, merge_baggage
from ..recording import (
    HUB,
    NoopSpan,
    NoopTransaction,
    Span,
    Transaction,
    header_lines,
    here,
    start_span,
    status_of_http,
)

__all__ = ["Outgoing", "is_signed", "merged", "parts_of"]


class Outgoing:
    """A request from the moment it is sent until the head of its answer is there, or until it is clear that none comes.

    `headers` are those that continue the trace at the other side; empty where none may go. For a client that writes its
    requests itself, `lines` are the same.
    """

    __slots__ = ("_goes_along", "_method", "_url", "span")

    span: Span | None
    _method: str
    _url: str
    _goes_along: bool
    """Whether the server is told of the trace."""

    @classmethod
    def begin(cls, origin: str, method: str, address: tuple[str, str, str], *, tracing: bool = True) -> Outgoing | None:
        """Start the span of a request to `address`, as `parts_of` gives it.

        `None` where nothing is recorded: before `init`, suppressed, or sent to our own destination.
        """
        current = here()
        kind = type(current)
        is_recorded = kind is Span or kind is Transaction  # what it is nearly always, found out at the least price
        if not is_recorded and (not HUB.is_recording or (isinstance(current, NoopSpan) and current.suppresses)):
            return None
        options = HUB.options
        url, query, fragment = address
        if options.dsn is not None and _is_our_own(url, options.dsn):
            return None
        request = _Open()
        request._method = method
        request._url = url
        request.span = None
        request._goes_along = False
        if not tracing:
            return request
        if current is not None and (is_recorded or not isinstance(current, NoopTransaction)):
            span = request.span = start_span(Span, current, "http.client", f"{method} {url}")
            data = span.data = {"sentry.origin": origin, "url": url, "http.method": method}
            if query:
                data["http.query"] = query
            if fragment:
                data["http.fragment"] = fragment
        targets = options.trace_propagation_targets
        request._goes_along = (targets is None or is_target(f"{url}?{query}" if query else url, targets)) and not (
            query and "X-Amz-Signature=" in query
        )
        return request

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that make the server's work a child of the request, or of what the request is made in."""
        if not self._goes_along:
            return {}
        current = self.span if self.span is not None else here()
        if current is not None:
            return current.trace_headers()
        scope = HUB.scope
        return scope.trace.headers(scope.span_id)

    @property
    def lines(self) -> bytes:
        """The headers as HTTP/1.1 has them, without the end of the last line."""
        if self.span is not None:
            return header_lines(self.span) if self._goes_along else b""
        return "\r\n".join([f"{name}: {value}" for name, value in self.headers.items()]).encode("latin-1")

    def note_peer(self, host: str, port: int) -> None:
        """The request goes through this proxy."""
        if self.span is not None:
            self.span.update_data({"network.peer.address": host, "network.peer.port": port})

    def answered(self, code: int, reason: str | None) -> None:
        """The head of the answer is there."""
        self.__class__ = Outgoing
        span = self.span
        if span is not None:
            span.status = status_of_http(code)
            span.tags = {"http.status_code": str(code)}
            data = span.data
            if data is not None:
                data["http.response.status_code"] = code
                data["reason"] = reason or ""
            span.finish()
        data = {"url": self._url, "method": self._method, "status_code": code, "reason": reason or ""}
        _leave_crumb("info" if code < 400 else "warning" if code < 500 else "error", data)

    def failed(self, error: BaseException | None) -> None:
        """There is no answer: refused, reset, too late, or not asked for."""
        self.__class__ = Outgoing
        if self.span is not None:
            self.span.status = "internal_error"
            self.span.__exit__(None if error is None else type(error), error, None)
        _leave_crumb("error", {"url": self._url, "method": self._method})

    def body_ended(self) -> None:
        """The body has been read, or given up; not told once the transaction has been handed over."""
        span = self.span
        if span is not None and span.end_ticks is not None and span.data is not None and span.transaction is not None:
            span.data["http.response.body_seconds"] = (ticks() - span.end_ticks) / 1e9


class _Open(Outgoing):
    """One of which nobody knows yet how it ends. Dropped, it has failed."""

    __slots__ = ()

    def __del__(self, is_over: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_over() and self.span is not None:
            _guard.guarded("dropped request", None, self.span.finish, "internal_error")


def _leave_crumb(level: str, data: dict[str, Any]) -> None:
    scope = HUB.scope
    crumb = {"timestamp": wall() / 1e9, "type": "http", "category": "http", "level": level, "data": data}
    if HUB.options.before_breadcrumb is None:
        scope.breadcrumbs.append(crumb)  # it is plain data already
    else:
        scope.add_breadcrumb(crumb)


def parts_of(url: str) -> tuple[str, str, str]:
    """An address without user, query, fragment and the scheme's own port; its query; its fragment."""
    bare, _, fragment = url.partition("#")
    bare, _, query = bare.partition("?")
    scheme, _, rest = bare.partition("://")
    place, slash, path = rest.partition("/")
    scheme = scheme.lower()
    place = place.rpartition("@")[2].removesuffix(":443" if scheme == "https" else ":80")
    return f"{scheme}://{place}{slash}{path}", query, fragment


def is_signed(authorization: str) -> bool:
    """Whether a request is signed over its headers, as AWS does it, so that one more would make it invalid."""
    return authorization[:4].upper() == "AWS4"


def merged(existing: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, Any]:
    """The trace headers to write, given those that the request has already.

    Whoever set a `sentry-trace` has chosen the trace: it stays, and of ours goes only the baggage of the same trace.
    An empty `baggage` is to be taken away: the request has only members of another trace.
    """
    chosen = existing.get("sentry-trace")
    if chosen is not None and chosen[:32] != ours.get("sentry-trace", "")[:32]:
        return {}
    headers = {}
    written = existing.get("baggage")
    if "baggage" in ours or (written and chosen is None and "sentry-trace" in ours):
        headers["baggage"] = merge_baggage(written, ours.get("baggage"))
    if chosen is None:
        for name in ("sentry-trace", "traceparent", "tracestate"):
            if name in ours and name not in existing and (name != "tracestate" or "traceparent" not in existing):
                headers[name] = ours[name]
    return headers


def _is_our_own(bare: str, dsn: Dsn) -> bool:
    """Whether a request goes to the server that the DSN names."""
    host = f"[{dsn.host}]" if ":" in dsn.host else dsn.host
    place = bare.partition("://")[2].partition("/")[0].lower()
    return place == f"{host}:{dsn.port}" or (place == host and dsn.port == (443 if bare.startswith("https:") else 80))
