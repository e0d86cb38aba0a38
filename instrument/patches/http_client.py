"""http.client, and through it requests, urllib3 and urllib: one span for each request.

A request is sent by `endheaders`, and its span ends when `getresponse` has the head of the answer; it also ends when
sending fails, and when the connection is closed, reset or dropped before anybody asked for an answer. Of a body that is
long, or of unknown length, the span is told afterwards when it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final
from weakref import ref

from .. import _guard
from .._clock import ticks
from ._http import Outgoing, is_signed, merged, parts_of
from .patch import Around, LibraryPatch

__all__ = ["HttpClient", "Unsent", "connecting"]

ORIGIN: Final = "auto.http.stdlib.httplib"
_PENDING: Final = "_instrument_pending"
_SHORT: Final = 65_536
"""Bytes of a body that arrive with the head, or as good as."""


class HttpClient(LibraryPatch):
    """Requests made with `http.client`. With `tracing=False` they leave breadcrumbs, but no spans and no headers."""

    name = "http.client"

    def __init__(self, *, tracing: bool = True) -> None:
        super().__init__()
        self.tracing = tracing

    def install(self) -> None:
        """Wrap the callables. What patches libraries on top of `http.client` asks whether that was done."""
        global _installed
        super().install()
        _installed = self

    def uninstall(self) -> None:
        """Put the originals back."""
        global _installed
        super().uninstall()
        if _installed is self:
            _installed = None

    def hooks(self) -> Iterable[Around]:
        """Where a request is sent, where it is answered, and where it is given up."""
        return (
            Around("HTTPConnection.endheaders", self._sending, _sent, only_failures=True),
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
        if target[:1] == "/" and not getattr(connection, "_tunnel_host", None):
            path, _, query = target.partition("?")
            url = _place(connection.default_port, connection.host, connection.port) + path, query, ""
        else:
            url, peer = _address(connection, target)
        request = Outgoing.begin(ORIGIN, method, url, tracing=self.tracing)
        before = getattr(connection, _PENDING, None)
        if request is None:
            if before is not None:
                connection._instrument_pending = None
            return None
        if type(before) is Unsent:
            before.go_on_as(request)
        if peer is not None:
            request.note_peer(*peer)
        _send_along(lines, request)
        # An attribute, not an entry of `__dict__`: whoever touches that makes all attributes of the object slow.
        connection._instrument_pending = request
        return connection, request


def _sent(state: tuple[Any, Outgoing], result: Any, error: BaseException | None) -> None:
    # A server may answer before it has read all and hang up: the answer can still be asked for.
    if not isinstance(error, BrokenPipeError):
        connection, request = state
        connection._instrument_pending = None
        request.failed(error)


def _waiting(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    request = getattr(connection, _PENDING, None)
    if request is None:
        return None
    connection._instrument_pending = None
    return connection, request


def _answered(state: tuple[Any, Outgoing], response: Any, error: BaseException | None) -> None:
    connection, request = state
    if error is None:
        request.answered(response.status, response.reason)
        length = response.length
        if (length is None or length > _SHORT) and request.span is not None and response.fp is not None:
            response._close_conn = _BodyEnd(response, request)
    elif type(error).__name__ == "ResponseNotReady":
        connection._instrument_pending = request
    else:
        request.failed(error)


def _closing(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    request = getattr(connection, _PENDING, None)
    if request is not None and type(request) is not Unsent:
        connection._instrument_pending = None
        request.failed(None)


class _BodyEnd:
    """What a response calls, instead of its own method, when its body has been read or given up. It holds it weakly."""

    __slots__ = ("_request", "_response")

    def __init__(self, response: Any, request: Outgoing) -> None:
        self._response = ref(response)
        self._request = request

    def __call__(self) -> None:
        response = self._response()
        if response is not None:
            vars(response).pop("_close_conn", None)
            _guard.guarded("end of a body", None, self._request.body_ended)
            response._close_conn()


class Unsent:
    """A request for which a connection is being made before `http.client` hears of it, as urllib3 does for TLS."""

    __slots__ = ("_connection", "_method", "_start", "_target")

    def __init__(self, connection: Any, method: str, target: str) -> None:
        self._start = ticks()
        self._method = method
        self._connection = connection
        self._target = target
        connection._instrument_pending = self

    def go_on_as(self, request: Outgoing) -> None:
        """The connection stands: the request's span has lasted since it was asked for."""
        if request.span is not None:
            request.span.start_ticks = self._start

    def failed(self, error: BaseException | None) -> None:
        """It ended before anything was sent: for want of a connection, or because it could not be put together."""
        connection, patch = self._connection, _installed
        if getattr(connection, _PENDING, None) is not self:
            return
        connection._instrument_pending = None
        if patch is None or (connection.sock is not None and _is_of_the_request(error)):
            return
        url, peer = _address(connection, self._target)
        request = Outgoing.begin(ORIGIN, self._method, url, tracing=patch.tracing)
        if request is not None:
            if peer is not None:
                request.note_peer(*peer)
            self.go_on_as(request)
            request.failed(error)


def _is_of_the_request(error: BaseException | None) -> bool:
    """Whether a request could not be put together. What stands between us and the network has errors of its own."""
    return not isinstance(error, OSError) and type(error).__module__ in ("builtins", "http.client")


def connecting(connection: Any, method: str, target: str) -> Unsent | None:
    """Note that a connection is being made for a request; `None` while nobody watches requests."""
    return Unsent(connection, method, target) if _installed is not None else None


_installed: HttpClient | None = None


@lru_cache(maxsize=256)
def _place(usual: int, host: str, port: int) -> str:
    host = host.rpartition("@")[2]  # `urllib` leaves the user there
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"{'https' if usual == 443 else 'http'}://{host if port == usual else f'{host}:{port}'}"


def _address(connection: Any, target: str) -> tuple[tuple[str, str, str], tuple[str, int] | None]:
    """The address of a request that may be anything, and the proxy that it goes through."""
    host, port, usual = connection.host, connection.port, connection.default_port
    if "://" in target:
        return parts_of(target), (host, port)
    behind = getattr(connection, "_tunnel_host", None)
    if not behind:
        return parts_of(f"{_place(usual, host, port)}/{target.removeprefix('/')}"), None
    return parts_of(_place(usual, behind, connection._tunnel_port or usual) + target), (host, port)


def _send_along(lines: list[bytes], request: Outgoing) -> None:
    """Put the trace's headers among the lines of a request that is about to be sent."""
    if _OTHERS.search(b"\n".join(lines)) is None:
        ours = request.lines
        if ours:
            lines.append(ours)  # all in one: they are about to be joined as these are
        return
    found: dict[str, list[int]] = {}
    for index in range(1, len(lines)):
        name = lines[index].partition(b":")[0].strip().lower().decode("latin-1")
        found.setdefault(name, []).append(index)
    existing = {name: _value(lines, places) for name, places in found.items()}
    if is_signed(existing.get("authorization", "")):
        return
    superfluous = []
    headers = merged(existing, request.headers)
    if len(found.get("baggage", ())) > 1:
        headers.setdefault("baggage", existing["baggage"])  # another tool's beside the program's: some read only one
    for name, value in headers.items():
        written = f"{name}: {value}".encode("latin-1")
        if name in found:
            lines[found[name][0]] = written
            superfluous += found[name][1:] if value else found[name]
        else:
            lines.append(written)
    for index in sorted(superfluous, reverse=True):
        del lines[index]


_OTHERS = re.compile(rb"\n(?:sentry-trace|baggage|traceparent|tracestate|authorization: *aws4)", re.IGNORECASE)
"""What makes it worth a closer look at the lines of a request."""


def _value(lines: list[bytes], places: list[int]) -> str:
    return ",".join(lines[index].partition(b":")[2].decode("latin-1").strip() for index in places)
