"""Requests on a connection that is open: one call to send and, nearly always, one to receive.

requests opens connections, but what it does for each request costs many times what the request needs. Here a request
has the head that requests sent on this connection, and http.client reads only the answers that are not plain.
"""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException, HTTPResponse, LineTooLong
from typing import Final

from .answer_head import END, AnswerHead, merged, parse
from .exchange import BODY_LIMIT, Exchange, Reply

__all__ = ["FAILURES", "KeptConnection", "take_over"]

HEAD_LIMIT: Final = 65536
FAILURES: Final = (HTTPException, OSError, ValueError)
OF_ONE_BODY: Final = (b"content-length:", b"content-encoding:")


class KeptConnection:
    """An open connection that nobody else reads from or writes to."""

    def __init__(self, sock: socket.socket, exchange: Exchange, answers: type[HTTPResponse], head: bytes) -> None:
        self._sock = sock
        self._exchange = exchange
        self._answers = answers
        self._head = head

    def is_idle(self) -> bool:
        """Whether nothing has come since the last answer: neither the end nor words that nobody asked for."""
        try:
            self._sock.settimeout(0.0)
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except (OSError, ValueError):
            pass  # it broke, or was closed from outside
        return False

    def post(self, body: bytes, *, is_packed: bool) -> Reply:
        """Send a request and read the answer, of its body at most 64 KB.

        Whether the connection can be used again is said by the exchange. Raises what http.client raises.
        """
        exchange = self._exchange
        exchange.is_clean = True
        packing = b"Content-Encoding: gzip\r\n" if is_packed else b""
        try:
            exchange.send(self._sock, b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, packing, len(body), body))
        except ConnectionError:
            exchange.is_clean = False  # it may have been refused unread, and the answer says why
        data = bytearray()
        end = self._receive_head(data)
        head = parse(data[:end])
        return self._interpret(bytes(data)) if head is None else self._read_body(head, data[end:])

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _receive_head(self, data: bytearray) -> int:
        """Add to `data` until it holds a head; where that ends, or 0 when the other side has ended before."""
        seen = 0
        while True:
            chunk = self._exchange.receive(self._sock)
            data += chunk
            found = END.search(data, max(seen - 2, 0))
            seen = len(data) if found is None else found.end()
            if seen > HEAD_LIMIT:
                raise LineTooLong("head")
            if found is not None:
                return seen
            if not chunk:
                return 0

    def _read_body(self, head: AnswerHead, body: bytearray) -> Reply:
        wanted = min(head.length, BODY_LIMIT)
        try:
            while len(body) < wanted:
                chunk = self._exchange.receive(self._sock)
                if not chunk:
                    break
                body += chunk
        except FAILURES:
            pass  # the status has said all that counts
        if len(body) != head.length:
            self._exchange.is_clean = False
        return Reply(head.status, head.headers, bytes(body[:wanted]) if len(body) >= wanted else b"")

    def _interpret(self, begun: bytes) -> Reply:
        """Let http.client read an answer that begins with `begun`."""
        response = self._answers(self._sock, method="POST", begun=begun)  # type: ignore[call-arg]  # a class of ours
        try:
            response.begin()
            try:
                body = response.read(BODY_LIMIT)
            except FAILURES:
                body = b""
            is_whole = response.isclosed()
            if not is_whole and response.length and len(body) < BODY_LIMIT:
                body = b""
            if not is_whole or response.will_close or response.status < 200 or response.version != 11:
                self._exchange.is_clean = False
            return Reply(response.status, merged(response.headers.items()), body)
        finally:
            response.close()


def take_over(exchange: Exchange, answers: type[HTTPResponse], status: int, version: int) -> KeptConnection | None:
    """Take the connection on which requests has just read an answer, if it is idle and can be used again."""
    connection = exchange.connection
    sock = connection.sock
    if sock is None:
        return None
    if not exchange.is_clean or status < 200:
        connection.close()
        return None
    if version != 11 or not isinstance(sock, socket.socket):
        return None
    connection.sock = None
    connection.close()
    lines = exchange.head.removesuffix(b"\r\n").splitlines(keepends=True)
    lasting = b"".join(line for line in lines if not line.lower().startswith(OF_ONE_BODY))
    return KeptConnection(sock, exchange, answers, lasting)
