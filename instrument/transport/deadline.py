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

__all__ = ["pool_classes"]


class BoundedReader(io.RawIOBase):
    """Reads a socket, each time for no longer than the exchange has left."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._exchange = exchange

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill `buffer` with what comes next."""
        self._sock.settimeout(self._exchange.remaining())
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        """Close the socket's file as well."""
        super().close()
        self._raw.close()


def _connection_class(base: Any, exchange: Exchange) -> Any:
    class BoundedResponse(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            raw = self.fp.detach()
            self.fp = io.BufferedReader(BoundedReader(raw, sock, exchange))

    class BoundedConnection(base):  # type: ignore[misc]  # one of two classes
        response_class = BoundedResponse
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
            self.sock.settimeout(exchange.remaining())

        def request(self, *args: Any, **kwargs: Any) -> None:
            self._parts = []
            super().request(*args, **kwargs)
            parts, self._parts = self._parts, None
            if self.sock is not None:
                self.sock.settimeout(exchange.remaining())
            super().send(b"".join(parts))

        def send(self, data: Any) -> None:
            # Head and body go out together: one call, one packet, one waking up of the server.
            if self._parts is None:
                super().send(data)
            else:
                self._parts.append(data)

    return BoundedConnection


def _pool_class(base: Any, connection: Any, exchange: Exchange) -> Any:
    return type(base.__name__, (base,), {"ConnectionCls": _connection_class(connection, exchange)})


def pool_classes(exchange: Exchange) -> dict[str, Any]:
    """The classes of connection pools by scheme, for connections that keep to `exchange`."""
    return {
        "http": _pool_class(HTTPConnectionPool, HTTPConnection, exchange),
        "https": _pool_class(HTTPSConnectionPool, HTTPSConnection, exchange),
    }
