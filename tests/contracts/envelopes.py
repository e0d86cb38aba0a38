"""A server on the loopback that takes envelopes as a Sentry project does, and keeps the events in them."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sink:
    def __init__(self):
        self.events = []

    def __enter__(self):
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                sink.events += events_of(body)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.dsn = f"http://key@127.0.0.1:{self._server.server_port}/1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def events_of(envelope):
    """The payloads of the transactions and errors in an envelope."""
    found = []
    _, _, rest = envelope.partition(b"\n")
    while rest.strip():
        head, _, rest = rest.partition(b"\n")
        header = json.loads(head)
        size = header.get("length")
        if size is None:
            payload, _, rest = rest.partition(b"\n")
        else:
            payload, rest = rest[:size], rest[size:].removeprefix(b"\n")
        if header["type"] in ("transaction", "event"):
            found.append(json.loads(payload))
    return found
