"""A server that takes everything, in a process of its own, and tells afterwards what it was given.

It speaks as much of the protocols of Sentry, OTLP, Datadog's agent and Elastic's server as their clients need to be
content. `GET /received` answers with the number of requests, bytes, transactions and spans so far.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import urllib.request
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

__all__ = ["Sink"]

AGENT = {"version": "7.60.0", "endpoints": ["/v0.4/traces", "/v0.5/traces"], "client_drop_p0s": True}


class Sink:
    """The server's process, for a `with` block. It runs on `python`, to be able to read what that one's peers write.

    With a `port` it listens there, else where there is room.
    """

    def __init__(self, python: str = sys.executable, port: int = 0) -> None:
        self._python = python
        self._port = port

    def __enter__(self) -> Sink:
        root = Path(__file__).parent.parent
        command = [self._python, "-m", "benchmarks.sink", str(self._port)]
        self._process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def received(self) -> dict[str, int]:
        """What has come in since the last time this was asked: requests, bytes, transactions, spans."""
        with urllib.request.urlopen(f"{self.url}/received", timeout=120) as answer:
            counts: dict[str, int] = json.load(answer)
        return counts


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    lock = threading.Lock()
    bodies: ClassVar[list[tuple[str, str, bytes]]] = []

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.lock:
            self.bodies.append((self.path, self.headers.get("Content-Encoding", ""), body))
        self._answer(202 if self.path.startswith("/intake") else 200, {})

    do_PUT = do_POST

    def do_GET(self) -> None:
        if self.path == "/received":
            with self.lock:
                taken = [*self.bodies]
                self.bodies.clear()
            self._answer(200, _counts(taken))
        else:
            self._answer(200, AGENT)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _counts(taken: list[tuple[str, str, bytes]]) -> dict[str, int]:
    total = {"requests": len(taken), "bytes": 0, "transactions": 0, "spans": 0}
    for path, encoding, body in taken:
        total["bytes"] += len(body)
        plain = {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(encoding, bytes)(body)
        for is_root in _spans(path, plain):
            total["spans"] += 1
            total["transactions"] += is_root
    return total


def _spans(path: str, body: bytes) -> Iterator[bool]:
    """For each span in a body whether it is a root."""
    if path.endswith("/envelope/"):
        for line in body.split(b"\n"):
            if line.startswith(b"{") and b'"spans"' in line:
                event = json.loads(line)
                if event.get("type") == "transaction":
                    yield True
                    yield from (False for _ in event["spans"])
    elif path == "/v1/traces":
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                yield from (not span.parent_span_id for span in scope.spans)
    elif path.startswith("/intake"):
        for line in body.split(b"\n"):
            if line.startswith((b'{"transaction"', b'{"span"')):
                yield line.startswith(b'{"transaction"')


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until killed."""
    server = _Server(("127.0.0.1", int(sys.argv[1])), _Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
