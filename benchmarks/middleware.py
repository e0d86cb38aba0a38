"""Requests to applications with and without a middleware, for the task `incoming`.

Requests are calls in this process: a WSGI application that answers with one part, one that streams three, and one for
ASGI. What counts is the difference between the wrapped application and the plain one. `recorded` is a request whose
transaction reaches a destination that takes everything and does nothing; `unsampled` one that nobody records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import Any

from .loops import Case

__all__ = ["CASES", "SUBJECTS", "cases"]

PORTION = 50
HEADERS = {
    "host": "shop.example:8000",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-GB,en;q=0.7",
    "accept-encoding": "gzip, deflate, br",
    "referer": "https://shop.example/items",
    "cookie": "theme=dark; session=0123456789abcdef",
    "cache-control": "no-cache",
}

Wrap = Callable[[Any], Any]
Loop = Callable[[Any, bool, int], None]


_traces = count(1 << 120)


def trace_headers(sampled: bool) -> tuple[str, str, str]:
    """`sentry-trace`, `baggage` and `traceparent` of another trace each time."""
    trace_id = f"{next(_traces):032x}"
    flag, decision = ("1", "true") if sampled else ("0", "false")
    return (
        f"{trace_id}-0123456789abcdef-{flag}",
        f"sentry-trace_id={trace_id},sentry-sampled={decision},sentry-sample_rate=1",
        f"00-{trace_id}-0123456789abcdef-0{flag}",
    )


def environ() -> dict[str, Any]:
    """A request as a server hands it to a WSGI application, but for the headers of the trace."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/users/7",
        "QUERY_STRING": "page=2",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()},
    }


def asgi_scope() -> dict[str, Any]:
    """The same for an ASGI application."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/users/7",
        "raw_path": b"/users/7",
        "root_path": "",
        "query_string": b"page=2",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "headers": [(name.encode(), value.encode()) for name, value in HEADERS.items()],
    }


def one_part(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A WSGI application that answers with one part."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def streamed(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """One that streams three."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"one"
    yield b"two"
    yield b"three"


async def one_part_asgi(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that answers with one part."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def _ask_wsgi(app: Any, sampled: bool, times: int) -> None:
    template = environ()

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        pass

    for _ in range(times):
        trace, baggage, parent = trace_headers(sampled)
        asked = {**template, "HTTP_SENTRY_TRACE": trace, "HTTP_BAGGAGE": baggage, "HTTP_TRACEPARENT": parent}
        body = app(asked, start_response)
        for _part in body:
            pass
        if hasattr(body, "close"):
            body.close()


def _ask_asgi(app: Any, sampled: bool, times: int) -> None:
    template = asgi_scope()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    for _ in range(times):
        trace, baggage, parent = trace_headers(sampled)
        added = [(b"sentry-trace", trace.encode()), (b"baggage", baggage.encode()), (b"traceparent", parent.encode())]
        running = app({**template, "headers": [*template["headers"], *added]}, receive, send)
        try:
            while True:
                running.send(None)
        except StopIteration:
            pass


CASES: dict[str, tuple[str, Any, Loop]] = {
    "WSGI request": ("wsgi", one_part, _ask_wsgi),
    "WSGI request, streamed": ("wsgi", streamed, _ask_wsgi),
    "ASGI request": ("asgi", one_part_asgi, _ask_asgi),
}


def ours() -> dict[str, Wrap]:
    """Set up with a destination that does nothing."""
    import instrument
    from instrument.middleware import asgi, wsgi

    class Nowhere:
        """Takes everything and does nothing."""

        def export(self, item: Any) -> None:
            """Forget it."""

        def flush(self, timeout: float | None = None) -> bool:
            """There is nothing to wait for."""
            return True

        close = flush

    instrument.init(exporter=Nowhere(), default_integrations=False)
    return {"wsgi": wsgi.Tracing, "asgi": asgi.Tracing}


def sentry() -> dict[str, Wrap]:
    """The same for sentry-sdk."""
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

    from .peers.sentry import SUBJECT

    SUBJECT.keep()
    return {"wsgi": SentryWsgiMiddleware, "asgi": SentryAsgiMiddleware}


def opentelemetry() -> dict[str, Wrap]:
    """The same for opentelemetry."""
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as ForAsgi
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as ForWsgi
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from .peers.otel import Nowhere

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return {
        "wsgi": lambda app: ForWsgi(app, tracer_provider=provider),
        "asgi": lambda app: ForAsgi(app, tracer_provider=provider, exclude_spans=["receive", "send"]),
    }


SUBJECTS: dict[str, Callable[[], dict[str, Wrap]]] = {
    "instrument": ours,
    "sentry-sdk": sentry,
    "opentelemetry": opentelemetry,
}


def cases(name: str) -> dict[str, Case]:
    """A library is set up, and its middleware is put around each application."""
    wrap = SUBJECTS[name]()
    found = {}
    for case, (kind, app, ask) in CASES.items():
        wrapped = wrap[kind](app)
        found[f"{case}, plain"] = Case(partial(ask, app, True), count=PORTION)
        found[f"{case}, recorded"] = Case(partial(ask, wrapped, True), count=PORTION)
        found[f"{case}, unsampled"] = Case(partial(ask, wrapped, False), count=PORTION)
    return found
