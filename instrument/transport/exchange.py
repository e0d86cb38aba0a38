"""One request and its answer on a connection: when it must be over, and the socket it runs on."""

from __future__ import annotations

import os
import socket

import attrs

from .._clock import seconds

__all__ = ["Exchange"]


@attrs.define
class Exchange:
    """What a transport and its connection share."""

    ends: float = 0.0
    """The moment, in monotonic seconds, when the request must be over."""
    sock: socket.socket | None = None

    def remaining(self) -> float:
        """Seconds left; raises `TimeoutError` when there are none."""
        left = self.ends - seconds()
        if left <= 0:
            raise TimeoutError("the request took too long")
        return left

    def abort(self) -> None:
        """Wake whoever waits for the socket."""
        sock = self.sock
        if sock is not None:
            try:
                # Not the method of TLS sockets, which changes what the reading thread relies on.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass  # it was not connected any more

    def forget(self) -> None:
        """Close a socket that belongs to the parent process, by its number, so that not a byte is sent."""
        sock, self.sock = self.sock, None
        if sock is not None:
            number = sock.detach()
            if number >= 0:
                os.close(number)
