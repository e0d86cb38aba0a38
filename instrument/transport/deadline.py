"""Connections that read and write under one deadline for the whole request.

A timeout for each read does not stop a server that sends one byte every nine seconds. Here every read of the socket is
given what is left of the deadline. Imported by the first HTTP transport, with requests.
"""

from __future__ import annotations

import io
import socket
from http.client import HTTPResponse
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from .exchange import Exchange

__all__ = ["pool_classes", "response_class"]


class BoundedReader(io.RawIOBase):
    """Reads `begun` and then a socket, each time for no longer than the exchange has left."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange, begun: bytes) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._exchange = exchange
        self._begun = begun
        self.is_over = False

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill `buffer` with what comes next."""
        if self._begun:
            count = min(len(buffer), len(self._begun))
            buffer[:count] = self._begun[:count]
            self._begun = self._begun[count:]
            return count
        if self.is_over:
            return 0
        self._sock.settimeout(self._exchange.remaining())
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        """Close the socket's file as well."""
        super().close()
        self._raw.close()


class AnswerReader(io.BufferedReader):
    """Says when it is closed whether more had come than the answer."""

    def __init__(self, reader: BoundedReader, exchange: Exchange) -> None:
        super().__init__(reader)
        self._reader = reader
        self._exchange = exchange

    def close(self) -> None:
        """Look at what is left, without waiting for more."""
        if not self.closed:
            self._reader.is_over = True
            if self.peek(1):
                self._exchange.is_clean = False
        super().close()


def response_class(exchange: Exchange) -> type[HTTPResponse]:
    """The class of answers that are read under the deadline of `exchange`."""

    class BoundedResponse(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, begun: bytes = b"", **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            raw = cast(Any, self.fp).detach()
            self.fp = AnswerReader(BoundedReader(raw, sock, exchange, begun), exchange)

    return BoundedResponse


def _connection_class(base: Any, exchange: Exchange, answers: type[HTTPResponse]) -> Any:
    class BoundedConnection(base):  # type: ignore[misc]  # one of two classes
        response_class = answers
        _dns_host: str
        _parts: list[bytes] | None = None

        def _new_conn(self) -> socket.socket:
            host = self._dns_host
            addresses = exchange.resolve(host, self.port)
            try:
                while True:
                    self._dns_host = addresses.pop(0)
                    try:
                        exchange.sock = sock = super()._new_conn()
                        return cast(socket.socket, sock)
                    except HTTPError:
                        if not addresses:
                            raise
                        exchange.remaining()
            finally:
                self._dns_host = host

        def connect(self) -> None:
            super().connect()
            exchange.sock = self.sock

        def request(self, *args: Any, **kwargs: Any) -> None:
            self._parts = []
            super().request(*args, **kwargs)
            parts, self._parts = self._parts, None
            exchange.connection, exchange.head = self, parts[0]
            if self.sock is None:
                self.connect()
            exchange.send(self.sock, b"".join(parts))

        def send(self, data: Any) -> None:
            # Head and body go out together: one call, one packet, one waking up of the server.
            if self._parts is None:
                super().send(data)
            else:
                self._parts.append(data)

    return BoundedConnection


def pool_classes(exchange: Exchange, answers: type[HTTPResponse]) -> dict[str, Any]:
    """The classes of connection pools by scheme, for connections that keep to `exchange`."""
    kinds = {"http": (HTTPConnectionPool, HTTPConnection), "https": (HTTPSConnectionPool, HTTPSConnection)}
    return {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": _connection_class(connection, exchange, answers)})
        for scheme, (pool, connection) in kinds.items()
    }
