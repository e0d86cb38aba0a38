"""What the middlewares add to a request: `./scripts/bench middleware`, beside sentry-sdk and opentelemetry.

Requests are calls in this process: a WSGI application that answers with one part, one that streams three, and the same
for ASGI. Plain and wrapped applications take turns, a portion of requests each, and the figure is the difference of
their best portions: microseconds for each request, in the thread that answers it. `recorded` is a request whose
transaction reaches a destination that takes everything and does nothing; `unsampled` one that nobody records.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
PORTION = 50
PORTIONS = 200
HEADERS = {
    "host": "shop.example:8000",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-GB,en;q=0.7",
    "accept-encoding": "gzip, deflate, br",
    "referer": "https://shop.example/items",
    "cookie": "theme=dark; session=0123456789abcdef",
    "cache-control": "no-cache",
    "sentry-trace": "0123456789abcdef0123456789abcdef-0123456789abcdef-1",
    "baggage": "sentry-trace_id=0123456789abcdef0123456789abcdef,sentry-sampled=true,sentry-sample_rate=1",
    "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
}
UNSAMPLED = {
    "sentry-trace": HEADERS["sentry-trace"][:-1] + "0",
    "traceparent": HEADERS["traceparent"][:-1] + "0",
    "baggage": HEADERS["baggage"].replace("true", "false"),
}

Wrap = Callable[[Any], Any]
Loop = Callable[[Any, bool, int], None]


def environ(sampled: bool) -> dict[str, Any]:
    """A request as a server hands it to a WSGI application."""
    headers = HEADERS if sampled else {**HEADERS, **UNSAMPLED}
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
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }


def asgi_scope(sampled: bool) -> dict[str, Any]:
    """The same for an ASGI application."""
    headers = HEADERS if sampled else {**HEADERS, **UNSAMPLED}
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
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
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


def _ask_wsgi(app: Any, sampled: bool, count: int) -> None:
    template = environ(sampled)

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        pass

    for _ in range(count):
        body = app(dict(template), start_response)
        for _part in body:
            pass
        if hasattr(body, "close"):
            body.close()


def _ask_asgi(app: Any, sampled: bool, count: int) -> None:
    template = asgi_scope(sampled)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    for _ in range(count):
        running = app(dict(template), receive, send)
        try:
            while True:
                running.send(None)
        except StopIteration:
            pass


CASES: dict[str, tuple[str, Any, Loop]] = {
    "WSGI, one part": ("wsgi", one_part, _ask_wsgi),
    "WSGI, streamed": ("wsgi", streamed, _ask_wsgi),
    "ASGI": ("asgi", one_part_asgi, _ask_asgi),
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


def measure(name: str) -> dict[str, float]:
    """Microseconds that a library adds to a request, for each case and state."""
    wrap = SUBJECTS[name]()
    found = {}
    for case, (kind, app, ask) in CASES.items():
        wrapped = wrap[kind](app)
        for state, sampled in (("recorded", True), ("unsampled", False)):
            ask(wrapped, sampled, PORTION * 4)
            best = {}
            for _ in range(PORTIONS):
                for which in (app, wrapped):
                    begin = perf_counter_ns()
                    ask(which, sampled, PORTION)
                    taken = (perf_counter_ns() - begin) / PORTION / 1e3
                    best[id(which)] = min(best.get(id(which), taken), taken)
            found[f"{case}, {state}"] = best[id(wrapped)] - best[id(app)]
    return found


def _run(python: str, name: str) -> dict[str, float]:
    command = [python, "-m", "benchmarks.middleware", "--work", name]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    if said.returncode:
        raise SystemExit(f"{name} failed:\n{said.stderr[-2000:]}")
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure each library in turn, several rounds, and print the middle ones."""
    parser = argparse.ArgumentParser(prog="./scripts/bench middleware", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=ROOT / ".cache" / "bench-middleware.json")
    parser.add_argument("--peers", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        print(json.dumps(measure(given.work)), flush=True)
        return
    names = [name for name in SUBJECTS if given.peers or name == "instrument"]
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            runs[name].append(_run(sys.executable if name == "instrument" else given.peers, name))
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(runs, indent=1), encoding="utf-8")
    print(f"{'microseconds added to a request':32}" + "".join(f"{name:>16}" for name in names))
    for case in runs["instrument"][0]:
        middles = [statistics.median(run[case] for run in runs[name]) for name in names]
        print(f"{case:32}" + "".join(f"{middle:16.2f}" for middle in middles))


if __name__ == "__main__":
    main()
