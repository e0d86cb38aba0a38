"""A web server on the loopback whose pages are the situations that a client can get into."""

from __future__ import annotations

import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIMIT = 20.0


class Web:
    """`/ok`, `/404`, `/500`, `/204`, `/moved` (to `/ok`), `/continue` (a 100 first), `/reset`, `/silent`, `/stream`."""

    def __init__(self):
        self.seen: list[tuple[str, list[tuple[str, str]]]] = []
        self.bodies: list[bytes] = []
        self.ended = threading.Event()

    def __enter__(self):
        world = self

        class Handler(_Handler):
            web = world

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def values(self, name, request=-1):
        """What a request had in the header `name`, one entry for each line."""
        return [value for key, value in self.seen[request][1] if key.lower() == name]

    def parent(self, request=-1):
        """Trace id, span id and flag that a request named as its parent."""
        (value,) = self.values("sentry-trace", request)
        return value.split("-")


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # clients break off here for a living


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def do_GET(self):
        self.web.seen.append((f"{self.command} {self.path}", self.headers.items()))
        self.web.bodies.append(self._body())
        page = self.path.rpartition("127.0.0.1")[2].partition("?")[0].partition("/")[2]
        getattr(self, f"page_{page}", self.page_ok)() if not page.isdigit() else self._answer(int(page))

    do_POST = do_HEAD = do_PUT = do_GET

    def do_CONNECT(self):
        self.web.seen.append((f"CONNECT {self.path}", self.headers.items()))
        if not self.path.endswith(str(self.web.port)):
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self.close_connection = False

    def page_ok(self):
        self._answer(200, b"ok")

    def page_moved(self):
        self._answer(302, b"", ("Location", "/ok"))

    def page_continue(self):
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._answer(200, b"ok")

    def page_reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.rfile.close()
        self.wfile.close()
        socket.close(self.connection.detach())

    def page_silent(self):
        self.web.ended.wait(LIMIT)
        self.close_connection = True

    def page_stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n")

    def _answer(self, code, body=b"", *headers):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        if code != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self):
        if self.headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def finish(self):
        try:
            super().finish()
        except ValueError:
            pass  # a page has closed the connection itself

    def log_message(self, *_):
        pass


def closed_port():
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
