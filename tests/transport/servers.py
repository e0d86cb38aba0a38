"""A real HTTP server on the loopback whose every answer is scripted, down to the bytes on the socket."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

import attrs

LIMIT: Final = 20.0
CERTIFICATE: Final = Path(__file__).with_name("localhost.pem")
"""For the name localhost, vouched for by itself until 2126, with its key."""
EXPIRED: Final = Path(__file__).with_name("expired.pem")
"""The same, but its time was the year 2000."""
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@attrs.frozen
class Received:
    """One request as it came in."""

    line: str
    headers: dict[str, str]
    raw_body: bytes
    port: int
    """Of the other side: tells one connection from another."""

    @property
    def body(self) -> bytes:
        """The body, unpacked."""
        return gzip.decompress(self.raw_body) if self.headers.get("content-encoding") == "gzip" else self.raw_body


class Server:
    """Answers each request with what `answer` is at that moment: bytes, or a callable that may play with the socket.

    With `before_body` the callable is asked as soon as the headers are there.
    """

    def __init__(
        self, answer: bytes | Callable[[Received, socket.socket], bytes | None] = OK, *, secure: bool | Path = False
    ) -> None:
        self.answer = answer
        self.failed_handshakes = 0
        self._secure: ssl.SSLContext | None = None
        if secure:
            self._secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._secure.load_cert_chain(CERTIFICATE if secure is True else secure)
        self.received: list[Received] = []
        self.connections = 0
        self.before_body: Callable[[socket.socket], None] | None = None
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.ended = threading.Event()
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/api/7/envelope/"

    def __enter__(self) -> Server:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._listener.close()
        for connection in self._open:
            connection.close()

    def wait_for(self, count: int) -> list[Received]:
        """The requests, once there are `count` of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, LIMIT), len(self.received)
            return list(self.received)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self._secure is not None:
            try:
                connection = self._secure.wrap_socket(connection, server_side=True)
            except OSError:
                with self._changed:
                    self.failed_handshakes += 1
                    self._changed.notify_all()
                return
            self._open.append(connection)
        stream = connection.makefile("rb")
        try:
            while self._one(connection, stream):
                pass
        except OSError:
            pass
        finally:
            stream.close()
            connection.close()

    def _one(self, connection: socket.socket, stream: object) -> bool:
        line = stream.readline().decode("latin-1").strip()  # type: ignore[attr-defined]
        if not line:
            return False
        headers: dict[str, str] = {}
        while text := stream.readline().decode("latin-1").strip():  # type: ignore[attr-defined]
            name, _, value = text.partition(":")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if self.before_body is not None:
            self.before_body(connection)
        length = int(headers.get("content-length", "0"))
        request = Received(line, headers, stream.read(length), connection.getpeername()[1])  # type: ignore[attr-defined]
        if len(request.raw_body) < length:
            return False  # whoever sent it died under way
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
        reply = self.answer if isinstance(self.answer, bytes) else self.answer(request, connection)
        if reply is None:
            return False
        connection.sendall(reply)
        return True


def status(code: int, *headers: str, body: bytes = b"") -> bytes:
    """The bytes of an answer."""
    head = [f"HTTP/1.1 {code} Whatever", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def reset(connection: socket.socket) -> None:
    """Cut the connection so that the other side sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.close(connection.detach())


def trickle(ended: threading.Event) -> Callable[[Received, socket.socket], None]:
    """An answer that sends one byte now and then, for ever."""

    def answer(_: Received, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not ended.wait(0.02):
            connection.sendall(b"a")

    return answer


def never(ended: threading.Event) -> Callable[[Received, socket.socket], None]:
    """An answer that does not come."""

    def answer(_: Received, __: socket.socket) -> None:
        ended.wait(LIMIT)

    return answer


def until(condition: Callable[[], bool], limit: float = LIMIT) -> bool:
    """Wait until `condition` holds; whether it ever did."""
    ends = time.monotonic() + limit
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.005)
    return True
