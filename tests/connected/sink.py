"""A server that takes envelopes of whatever SDK, and the spans in them in one shape."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs

from instrument.wire import read_envelope
from tests.transport.servers import until


@attrs.frozen
class Span:
    """A span as any SDK sends it, alone or in a transaction."""

    name: str
    op: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    sampling: Any
    """The dynamic sampling context of the envelope that it came in, with its random number as a number.

    An SDK may write that anew: 0.25 for 0.250000.
    """


class Sink:
    """Takes envelopes; what has arrived is in `spans`."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"spans": self.spans}))
        self.dsn = f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{self._server.server_port}/7"

    def __enter__(self) -> Sink:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def ancestry(self, name: str, length: int) -> list[Span]:
        """The request that a server calls `name`, and what it came from up to the first, once there are `length`."""
        assert until(lambda: len(self._ancestry(name)) >= length), self.spans
        found = self._ancestry(name)
        assert len(found) == length, found
        return found

    def _ancestry(self, name: str) -> list[Span]:
        spans = list(self.spans)
        by_id = {span.span_id: span for span in spans}
        assert len(by_id) == len(spans), "a span has arrived twice"
        [span] = [span for span in spans if (span.op, span.name) == ("http.server", name)] or [None]
        found = []
        while span is not None:
            found.append(span)
            span = by_id.get(span.parent_span_id)
        return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    spans: list[Span]

    def do_POST(self) -> None:
        body = self._body()
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        self.spans += _spans_of(body)
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, *_: object) -> None:
        pass


def _spans_of(body: bytes) -> list[Span]:
    envelope = read_envelope(body)
    sampling = envelope.headers.get("trace")
    if sampling:
        sampling["sample_rand"] = float(sampling["sample_rand"])
    found = []
    for item in envelope.items:
        payload = item.json()
        if item.type == "transaction":
            root = payload["contexts"]["trace"]
            found.append(_span(payload["transaction"], root["op"], root, sampling))
            found += [_span(one.get("description", ""), one.get("op", ""), one, sampling) for one in payload["spans"]]
        elif item.type == "span":
            for one in payload["items"]:
                op = one["attributes"].get("sentry.op", {}).get("value", "")
                found.append(_span(one["name"], op, one, sampling))
    return found


def _span(name: str, op: str, ids: dict[str, Any], sampling: Any) -> Span:
    return Span(name, op, ids["trace_id"], ids["span_id"], ids.get("parent_span_id"), sampling)
