"""Requests by `http.client` whose connection is memory, so that what is measured is the work and not the network.

`plain` goes through a second copy of the module, which nobody patches; `patched` through the one that everybody
imports. Both take turns in the same process.
"""

from __future__ import annotations

import http.client
import importlib.util
import io
from typing import Any

__all__ = ["Requests"]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Wire:
    """As much of a socket as a connection asks for. It answers whatever it is sent."""

    def sendall(self, data: bytes) -> None:
        """Forget it."""

    def makefile(self, mode: str) -> io.BytesIO:
        """The answer."""
        return io.BytesIO(ANSWER)

    def close(self) -> None:
        """Stay as it is."""


class Requests:
    """The two loops. Made after the patch was applied."""

    def __init__(self) -> None:
        spec = importlib.util.spec_from_file_location("http_client_unpatched", http.client.__file__)
        assert spec is not None and spec.loader is not None
        copy = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(copy)
        self._plain = self._connection(copy)
        self._patched = self._connection(http.client)

    @staticmethod
    def _connection(module: Any) -> Any:
        connection = module.HTTPConnection("127.0.0.1", 8080)
        connection.sock = Wire()
        return connection

    def plain(self, count: int) -> None:
        """Requests that nobody records."""
        self._loop(self._plain, count)

    def patched(self, count: int) -> None:
        """Requests that are recorded, if somebody patched the module."""
        self._loop(self._patched, count)

    @staticmethod
    def _loop(connection: Any, count: int) -> None:
        for _ in range(count):
            connection.request("GET", "/items/7")
            connection.getresponse().read()
