"""One request and its answer on a connection: when it must be over, and the socket it runs on."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from .._clock import seconds
from .._value import Draft

__all__ = ["BODY_LIMIT", "Exchange", "Reply"]

BODY_LIMIT: Final = 65536
FORK_SECONDS: Final = 0.05
RECEIVE_BYTES: Final = 16384
ACKNOWLEDGE_AT_ONCE: Final = getattr(socket, "TCP_QUICKACK", None)
"""On Linux: else a server that sends an answer in two pieces waits 40 ms for us to acknowledge the first."""


class Reply(NamedTuple):
    """What the other side said."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """At most 64 KB of it; nothing when it broke off before."""


class Exchange(Draft):
    """What a transport and its connection share."""

    ends: float = 0.0
    """The moment, in monotonic seconds, when the request must be over."""
    sock: socket.socket | None = None
    is_clean: bool = True
    """Whether the answer has been read to its end and nothing came behind it."""
    connection: Any = None
    """That of urllib3 which sent the last request of its own, and the head of that request."""
    head: bytes = b""
    is_resolving: bool = False
    resolve_after: float = 0.0

    def _shown(self, name: str) -> str:
        return "..." if name == "head" else super()._shown(name)

    def remaining(self) -> float:
        """Seconds left; raises `TimeoutError` when there are none."""
        left = self.ends - seconds()
        if left <= 0:
            raise TimeoutError("the request took too long")
        return left

    def send(self, sock: Any, data: bytes) -> None:
        """Send all of it. The method of TLS sockets would give each record all the time that is left."""
        if not isinstance(sock, socket.socket):
            sock.settimeout(self.remaining())
            sock.sendall(data)  # what pyOpenSSL puts in its place has no other
            return
        rest = memoryview(data)
        while rest:
            sock.settimeout(self.remaining())
            rest = rest[sock.send(rest) :]
        if ACKNOWLEDGE_AT_ONCE is not None:
            try:
                sock.setsockopt(socket.IPPROTO_TCP, ACKNOWLEDGE_AT_ONCE, 1)
            except OSError:
                pass  # the connection has ended, or is not TCP

    def receive(self, sock: socket.socket) -> bytes:
        """What comes next; nothing when the other side has ended."""
        sock.settimeout(self.remaining())
        return sock.recv(RECEIVE_BYTES)

    def abort(self) -> None:
        """Wake whoever waits for the socket."""
        sock = self.sock
        if sock is not None:
            try:
                # Not the method of TLS sockets, which changes what the reading thread relies on.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass  # it was not connected any more

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host. Raises `OSError`."""
        self.is_resolving = True
        try:
            while seconds() < self.resolve_after:
                self.is_resolving = False
                threading.Event().wait(0.001)
                self.is_resolving = True
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        finally:
            self.is_resolving = False
        if not found:
            raise OSError(errno.EHOSTUNREACH, "the host has no address")
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def hold(self) -> None:
        """Before a fork: the C library's locks for looking up names must be free, or the child could look up none.

        For a moment nothing new is looked up; what is under way is waited for, though not for long.
        """
        self.resolve_after = seconds() + FORK_SECONDS
        while self.is_resolving and seconds() < self.resolve_after:
            threading.Event().wait(0.001)

    def forget(self) -> None:
        """Close a socket that belongs to the parent process, by its number, so that not a byte is sent."""
        self.is_resolving = False
        self.resolve_after = 0.0
        self.connection = None
        sock, self.sock = self.sock, None
        if sock is not None:
            number = sock.detach()
            if number >= 0:
                os.close(number)
