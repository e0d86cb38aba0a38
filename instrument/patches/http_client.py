"""http.client, and through it requests, urllib3 and urllib: one span for each request.

A request is sent by `endheaders`, and its span ends when `getresponse` has the head of the answer; it also ends when
sending fails, and when the connection is closed, reset or dropped before anybody asked for an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._http import Outgoing, is_signed, merged
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
        method, target = _request_line(lines[0])
        url, peer = _address(connection, target)
        request = Outgoing.begin("auto.http.stdlib.httplib", method, url, tracing=self.tracing)
        if request is None:
            return None
        if peer:
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


def _request_line(line: bytes) -> tuple[str, str]:
    method, _, rest = line.decode("latin-1").partition(" ")
    return method, rest.rpartition(" ")[0]


def _address(connection: Any, target: str) -> tuple[str, tuple[str, int] | None]:
    """The URL of a request, and the proxy that it goes through, if it does."""
    host, port, peer = connection.host, connection.port, None
    if "://" in target[:12]:
        return target, (host, port)
    tunnel = getattr(connection, "_tunnel_host", None)
    if tunnel:
        peer = host, port
        host, port = tunnel, connection._tunnel_port or connection.default_port
    scheme = "https" if connection.default_port == 443 else "http"
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    place = host if port == connection.default_port else f"{host}:{port}"
    return f"{scheme}://{place}{'' if target.startswith('/') else '/'}{target}", peer


def _send_along(lines: list[bytes], request: Outgoing) -> None:
    """Put the trace's headers among the lines of a request that is about to be sent."""
    found: dict[str, list[int]] = {}
    for index in range(1, len(lines)):
        line = lines[index]
        watched = _WATCHED.get(line[: line.find(b":")].lower())
        if watched is not None:
            found.setdefault(watched, []).append(index)
    if "authorization" in found and is_signed(_value(lines, found["authorization"])):
        return
    existing = {name: _value(lines, places) for name, places in found.items()}
    for name, value in merged(existing, request.headers).items():
        written = f"{name}: {value}".encode("latin-1")
        places = found.get(name)
        if not places:
            lines.append(written)
            continue
        lines[places[0]] = written
        for index in reversed(places[1:]):
            del lines[index]


_WATCHED = {name.encode(): name for name in ("sentry-trace", "baggage", "traceparent", "tracestate", "authorization")}


def _value(lines: list[bytes], places: list[int]) -> str:
    return ",".join(lines[index].partition(b":")[2].decode("latin-1").strip() for index in places)
