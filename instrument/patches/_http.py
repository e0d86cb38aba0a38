"""The shape that all HTTP clients share: a request goes out, and is answered or is not.

An adapter says how to read a method, a URL and a status, and how to add a header; everything else is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import _clock, _guard
from ..dsn import Dsn
from ..propagation import is_target, merge_baggage
from ..recording import HUB, NoopSpan, NoopTransaction, Span, here, start_span, status_of_http

__all__ = ["Outgoing", "is_signed", "merged", "parts_of"]


class Outgoing:
    """A request from the moment it is sent until the head of its answer is there, or until it is clear that none comes.

    `headers` are those that continue the trace at the other side; empty where none may go.
    """

    __slots__ = ("_crumb", "_is_done", "headers", "span")

    headers: Mapping[str, str]
    span: Span | None
    _crumb: dict[str, Any]
    _is_done: bool

    @classmethod
    def begin(cls, origin: str, method: str, address: tuple[str, str, str], *, tracing: bool = True) -> Outgoing | None:
        """Start the span of a request to `address`, as `parts_of` gives it.

        `None` where nothing is recorded: before `init`, suppressed, or sent to our own destination.
        """
        current = here()
        if not HUB.is_recording or (isinstance(current, NoopSpan) and current.suppresses):
            return None
        bare, query, fragment = address
        if HUB.options.dsn is not None and _is_our_own(bare, HUB.options.dsn):
            return None
        request = cls()
        request._is_done = False
        request._crumb = {"url": bare, "method": method}
        request.span, request.headers = None, {}
        if not tracing:
            return request
        if current is not None and not isinstance(current, NoopTransaction):
            span = request.span = current = start_span(Span, current, "http.client", f"{method} {bare}")
            data = span.data = {"sentry.origin": origin, "url": bare, "http.method": method}
            if query:
                data["http.query"] = query
            if fragment:
                data["http.fragment"] = fragment
        targets = HUB.options.trace_propagation_targets
        if (targets is None or is_target(f"{bare}?{query}" if query else bare, targets)) and not (
            query and "X-Amz-Signature=" in query
        ):
            request.headers = _headers(current)
        return request

    def note_peer(self, host: str, port: int) -> None:
        """The request goes through this proxy."""
        if self.span is not None:
            self.span.update_data({"network.peer.address": host, "network.peer.port": port})

    def answered(self, code: int, reason: str | None) -> None:
        """The head of the answer is there."""
        self._is_done = True
        span = self.span
        if span is not None:
            span.status = status_of_http(code)
            span.tags = {"http.status_code": str(code)}
            if span.data is not None:
                span.data["http.response.status_code"] = code
                span.data["reason"] = reason or ""
            span.finish()
        self._leave_crumb(code, reason)

    def failed(self, error: BaseException | None) -> None:
        """There is no answer: refused, reset, too late, or not asked for."""
        self._is_done = True
        if self.span is not None:
            self.span.status = "internal_error"
            self.span.__exit__(None if error is None else type(error), error, None)
        self._leave_crumb(None, None)

    def _leave_crumb(self, code: int | None, reason: str | None) -> None:
        data = self._crumb
        if code is not None:
            data["status_code"] = code
            data["reason"] = reason or ""
        scope = HUB.scope
        crumb = {
            "timestamp": _clock.wall() / 1e9,
            "type": "http",
            "category": "http",
            "level": "error" if code is None or code >= 500 else "warning" if code >= 400 else "info",
            "data": data,
        }
        if HUB.options.before_breadcrumb is None:
            scope.breadcrumbs.append(crumb)  # it is plain data already
        else:
            scope.add_breadcrumb(crumb)

    def __del__(self) -> None:
        if not self._is_done and self.span is not None:
            _guard.guarded("dropped request", None, self.span.finish, "internal_error")


def _headers(current: Span | None) -> Mapping[str, str]:
    if current is not None:
        return current.trace_headers()
    scope = HUB.scope
    return scope.trace.headers(scope.span_id)


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
    """
    chosen = existing.get("sentry-trace")
    if chosen is not None and chosen[:32] != ours.get("sentry-trace", "")[:32]:
        return {}
    headers = {}
    if "baggage" in ours:
        headers["baggage"] = merge_baggage(existing.get("baggage"), ours["baggage"])
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
