"""The sockets: this machine's own addresses, so many conversations at once, so much time for each."""

from __future__ import annotations

import errno
import os
import socket
import socketserver
import threading
from types import TracebackType
from typing import Any, Final

from .. import _guard
from .answer import said
from .answers import Answers
from .gate import Gate
from .head import HeadError, parse_head, read_head

__all__ = ["PREFERRED_PORT", "PortTaken", "Viewer"]

PREFERRED_PORT: Final = 7177
MOST_CONNECTIONS: Final = 32
HEAD_SECONDS: Final = 10.0
SEND_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.1


class PortTaken(OSError):
    """Another program listens there."""


class Viewer:
    """Shows the store at `path` from `start()`, or the beginning of a `with` block, until `close()`.

    `port` 0 is any free one; None is the preferred one, or any if that is taken. Raises PortTaken.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        port: int | None = None,
        *,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self.head_seconds = head_seconds
        self.answers = Answers(path)
        self.places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._ends = threading.Event()
        self._is_listening = False
        first = _first(self, port)
        self.port: int = first.server_address[1]
        self.gate = Gate(self.port)
        self._listeners = [first, *_second(self, self.port)]

    def address(self, path: str = "/", *, for_once: bool = False) -> str:
        """The URL to open; `for_once`, one whose token is good a single time."""
        token = self.gate.ticket() if for_once else self.gate.token
        return f"http://127.0.0.1:{self.port}{path}?token={token}"

    def start(self) -> None:
        """Begin to answer."""
        self._is_listening = True
        for listener in self._listeners:
            threading.Thread(
                target=listener.serve_forever, args=(LOOK_SECONDS,), name="instrument-viewer", daemon=True
            ).start()

    def wait(self) -> None:
        """Until `close()`, or Ctrl-C."""
        # A wait without a limit cannot be interrupted on every system.
        while not self._ends.wait(LOOK_SECONDS):
            pass

    def close(self) -> None:
        """Listen no longer. Conversations that have begun may end."""
        self._ends.set()
        for listener in self._listeners:
            if self._is_listening:
                listener.shutdown()
            listener.server_close()

    def __enter__(self) -> Viewer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Listener(socketserver.ThreadingTCPServer):
    """One address. Whoever comes when all places are taken is told so at once."""

    daemon_threads = True
    # On Windows it would let two programs listen at one address.
    allow_reuse_address = os.name == "posix"
    request_queue_size = 64

    def __init__(self, viewer: Viewer, address: str, port: int) -> None:
        self.viewer = viewer
        if ":" in address:
            self.address_family = socket.AF_INET6
        super().__init__((address, port), _Conversation)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.viewer.places.acquire(blocking=False):
            _send(request, said(503, "Too many at once.", Retry_After="2").encode())
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.viewer.places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.viewer.places.release()


class _Conversation(socketserver.BaseRequestHandler):
    """One request and its answer; then the connection is closed."""

    server: _Listener

    def handle(self) -> None:
        sent = _guard.guarded("view", None, self._answer)
        if sent is None:
            sent = said(500, "That went wrong; it is our fault.").encode()
        if sent:
            _send(self.request, sent)

    def _answer(self) -> bytes:
        viewer = self.server.viewer
        try:
            request = parse_head(read_head(self.request, viewer.head_seconds))
        except HeadError as error:
            return said(error.status).encode() if error.status else b""
        except OSError:
            return b""
        answer = viewer.gate.refusal(request) or viewer.answers.answer(request)
        return answer.encode(with_body=request.method != "HEAD")


def _send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.settimeout(SEND_SECONDS)
        connection.sendall(data)
    except OSError:
        pass  # whoever asked is gone


def _first(viewer: Viewer, port: int | None) -> _Listener:
    for number in (PREFERRED_PORT, 0) if port is None else (port,):
        try:
            return _Listener(viewer, "127.0.0.1", number)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            taken = PortTaken(error.errno, error.strerror)
    raise taken


def _second(viewer: Viewer, port: int) -> list[_Listener]:
    """The same port of IPv6's own address, to which the name localhost may lead, where it is free."""
    try:
        return [_Listener(viewer, "::1", port)]
    except OSError:
        return []
