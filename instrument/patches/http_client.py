"""http.client, and through it requests, urllib3 and urllib: one span for each request.

A request is sent by `endheaders`, and its span ends when `getresponse` has the head of the answer; it also ends when
sending fails, and when the connection is closed, reset or dropped before anybody asked for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ._http import Outgoing, is_signed, merged, parts_of
from .patch import Around, LibraryPatch

__all__ = ["HttpClient"]

_PENDING = "_instrument_pending"


class HttpClient(LibraryPatch):
    """Requests made with `http.client`. With `tracing=False` they leave breadcrumbs, but no spans and no headers."""

    name = "http.client"

    def __init__(self, *, tracing: bool = True) -> None:
        super().__init__()
        self.tracing = tracing

    def hooks(self) -> Iterable[Around]:
        """Where a request is sent, where it is answered, and where it is given up."""
        return (
            Around("HTTPConnection.endheaders", self._sending, _sent),
            Around("HTTPConnection.getresponse", _waiting, _answered),
            Around("HTTPConnection.close", _closing),
        )

    def _sending(self, connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        lines = getattr(connection, "_buffer", None)
        if not lines:
            return None
        method, _, rest = lines[0].decode("latin-1").partition(" ")
        target = rest.rpartition(" ")[0]
        peer = None
        if target.startswith("/") and not getattr(connection, "_tunnel_host", None):
            path, _, query = target.partition("?")
            url = _place(connection, connection.host, connection.port) + path, query, ""
        else:
            url, peer = _address_behind(connection, target)
        request = Outgoing.begin("auto.http.stdlib.httplib", method, url, tracing=self.tracing)
        if request is None:
            return None
        if peer is not None:
            request.note_peer(*peer)
        if request.headers:
            _send_along(lines, request)
        connection.__dict__[_PENDING] = request
        return connection, request


def _sent(state: tuple[Any, Outgoing], result: Any, error: BaseException | None) -> None:
    # A server may answer before it has read all and hang up: the answer can still be asked for.
    if error is not None and not isinstance(error, BrokenPipeError):
        connection, request = state
        connection.__dict__.pop(_PENDING, None)
        request.failed(error)


def _waiting(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    request = connection.__dict__.pop(_PENDING, None)
    return None if request is None else (connection, request)


def _answered(state: tuple[Any, Outgoing], response: Any, error: BaseException | None) -> None:
    connection, request = state
    if error is None:
        request.answered(response.status, response.reason)
    elif type(error).__name__ == "ResponseNotReady":
        connection.__dict__[_PENDING] = request
    else:
        request.failed(error)


def _closing(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    request = connection.__dict__.pop(_PENDING, None)
    if request is not None:
        request.failed(None)


def _place(connection: Any, host: str, port: int) -> str:
    usual = connection.default_port
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"{'https' if usual == 443 else 'http'}://{host if port == usual else f'{host}:{port}'}"


def _address_behind(connection: Any, target: str) -> tuple[tuple[str, str, str], tuple[str, int] | None]:
    """The address of a request that goes through a proxy or asks for something unusual, and the proxy."""
    host, port = connection.host, connection.port
    if "://" in target:
        return parts_of(target), (host, port)
    behind = getattr(connection, "_tunnel_host", None)
    if not behind:
        return parts_of(f"{_place(connection, host, port)}/{target}"), None
    place = _place(connection, behind, connection._tunnel_port or connection.default_port)
    return parts_of(place + target), (host, port)


def _send_along(lines: list[bytes], request: Outgoing) -> None:
    """Put the trace's headers among the lines of a request that is about to be sent."""
    if _OTHERS.search(b"\n".join(lines)) is None:
        for name, value in request.headers.items():
            lines.append(f"{name}: {value}".encode("latin-1"))
        return
    found: dict[str, list[int]] = {}
    for index in range(1, len(lines)):
        name = lines[index].partition(b":")[0].strip().lower().decode("latin-1")
        found.setdefault(name, []).append(index)
    existing = {name: _value(lines, places) for name, places in found.items()}
    if is_signed(existing.get("authorization", "")):
        return
    superfluous = []
    for name, value in merged(existing, request.headers).items():
        written = f"{name}: {value}".encode("latin-1")
        if name in found:
            lines[found[name][0]] = written
            superfluous += found[name][1:]
        else:
            lines.append(written)
    for index in sorted(superfluous, reverse=True):
        del lines[index]


_OTHERS = re.compile(rb"\n(?:sentry-trace|baggage|traceparent|tracestate|authorization: *aws4)", re.IGNORECASE)
"""What makes it worth a closer look at the lines of a request."""


def _value(lines: list[bytes], places: list[int]) -> str:
    return ",".join(lines[index].partition(b":")[2].decode("latin-1").strip() for index in places)
