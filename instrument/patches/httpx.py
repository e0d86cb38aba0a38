"""httpx, sync and async, over any transport: one span for each request that a client gives to a transport.

So each hop of a redirect and each step of an authentication is a span. It ends when the head of the answer is there;
when the body has been read to its end, or given up, is told by the stream of the response.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import _guard
from ._awaiting import AroundAwaited, AwaitingPatch
from ._http import Outgoing, parts_of
from ._lent_headers import NAMES, LentHeaders, lend
from .patch import Around

__all__ = ["Httpx"]

_NAMES = frozenset(name.encode() for name in NAMES)


class Httpx(AwaitingPatch):
    """Requests made with `httpx.Client` and `httpx.AsyncClient`, and so with `httpx.get` and its like."""

    name = "httpx"
    oldest = (0, 23)

    def hooks(self) -> Iterable[Around]:
        """Where a client sends one request, after the program's hooks and authentication had their say."""
        return (
            Around("Client._send_single_request", _sending, _answered),
            AroundAwaited("AsyncClient._send_single_request", _sending, _async_answered),
        )


def _sending(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    request = args[0] if args else kwargs["request"]
    url = str(request.url)
    if "://" not in url:
        return None
    outgoing = Outgoing.begin("auto.http.httpx", request.method, parts_of(url))
    if outgoing is None:
        return None
    if outgoing.span is not None:
        _note_proxy(client, request, outgoing)
    return outgoing, _lend(request, outgoing)


def _lend(request: Any, outgoing: Outgoing) -> LentHeaders | _Appended | None:
    existing = _existing(request.headers)
    if existing or not hasattr(request.headers, "_list"):
        return lend(request, existing, outgoing.headers)
    lines = outgoing.lines
    return _Appended(request, lines) if lines else None


class _Appended:
    """What `LentHeaders` does, at a tenth of the price, for a request that has no such headers yet."""

    __slots__ = ("_lines", "_request")

    def __init__(self, request: Any, lines: bytes) -> None:
        self._request = request
        self._lines = []
        for line in lines.split(b"\r\n"):
            name, _, value = line.partition(b": ")
            self._lines.append((name, name, value))
        request.headers._list.extend(self._lines)

    def take_back(self) -> None:
        """Leave the headers as they were, except where somebody has changed them since."""
        headers = self._request.headers._list
        for line in self._lines:
            if line in headers:
                headers.remove(line)


def _existing(headers: Any) -> dict[str, str]:
    """What a request has of the headers that we care for; several lines of one are joined."""
    found: dict[str, str] = {}
    for key, value in headers.raw:
        lower = key.lower()
        if lower in _NAMES:
            name, text = lower.decode(), value.decode("latin-1")
            found[name] = f"{found[name]},{text}" if name in found else text
    return found


def _note_proxy(client: Any, request: Any, outgoing: Outgoing) -> None:
    """A transport of httpx's own keeps its proxy's address in its pool."""
    pool = getattr(client._transport_for_url(request.url), "_pool", None)
    proxy = getattr(pool, "_proxy_url", None)
    if proxy is not None:
        outgoing.note_peer(proxy.host.decode("ascii"), proxy.port or (443 if proxy.scheme == b"https" else 80))


def _answered(
    state: tuple[Outgoing, LentHeaders | _Appended | None], response: Any, error: BaseException | None
) -> None:
    _ended(state, response, error, "close")


def _async_answered(
    state: tuple[Outgoing, LentHeaders | _Appended | None], response: Any, error: BaseException | None
) -> None:
    _ended(state, response, error, "aclose")


def _ended(
    state: tuple[Outgoing, LentHeaders | _Appended | None], response: Any, error: BaseException | None, close: str
) -> None:
    outgoing, lent = state
    if lent is not None:
        lent.take_back()
    if error is not None:
        outgoing.failed(error)
        return
    outgoing.answered(response.status_code, response.reason_phrase)
    if response.is_closed:
        outgoing.body_ended()  # a transport in the process may give an answer that is there as a whole
    elif outgoing.span is not None:
        _watch(response.stream, close, outgoing)


def _watch(stream: Any, close: str, outgoing: Outgoing) -> None:
    """Note when `stream` is closed, which httpx does as soon as it is read to its end."""
    closed = getattr(stream, close)

    def closing() -> Any:
        del stream.__dict__[close]
        _guard.guarded("end of a body", None, outgoing.body_ended)
        return closed()

    stream.__dict__[close] = closing
