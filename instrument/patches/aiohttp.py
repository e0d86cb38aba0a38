"""aiohttp's client: one span for each request that is given a connection, so for each hop of a redirect and each retry.

It begins when a connection is asked for, and ends when the head of the answer is there, or when connecting, sending or
waiting has failed. When the body has arrived is told by the stream of the response.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from .. import _guard
from ._awaiting import AroundAwaited, AwaitingPatch
from ._http import Outgoing, parts_of
from ._lent_headers import NAMES, LentHeaders, lend
from .patch import Around

__all__ = ["Aiohttp"]

_PENDING: Final = "_instrument_pending"
_SWITCHED: Final = 101


class Aiohttp(AwaitingPatch):
    """Requests made with `aiohttp.ClientSession`, the one that opens a websocket too."""

    name = "aiohttp"
    oldest = (3, 8)

    def hooks(self) -> Iterable[Around]:
        """Where a request is given a connection, where it is given up while sending, and where it is answered."""
        return (
            AroundAwaited("BaseConnector.connect", _connecting, _connected),
            Around("connector.Connection.close", _closing),
            AroundAwaited("ClientResponse.start", _waiting, _answered),
        )


class _Sending:
    """A request under way: it travels with its connection, whose end may be the first sign that there is no answer."""

    __slots__ = ("lent", "outgoing", "request")

    def __init__(self, request: Any, outgoing: Outgoing, lent: LentHeaders | None) -> None:
        self.request = request
        self.outgoing = outgoing
        self.lent = lent

    def answered(self, response: Any) -> None:
        self._take_back()
        self.outgoing.answered(response.status, response.reason)
        if self.outgoing.span is not None and response.status != _SWITCHED:
            response.content.on_eof(partial(_guard.guarded, "end of a body", None, self.outgoing.body_ended))

    def failed(self, error: BaseException | None) -> None:
        self._take_back()
        # A time limit of aiohttp's own cancels the task, and becomes a TimeoutError further out.
        is_late = getattr(getattr(self.request, "_timer", None), "_cancelled", False)
        self.outgoing.failed(None if is_late else error)

    def _take_back(self) -> None:
        if self.lent is not None:
            self.lent.take_back()


def _connecting(connector: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Sending | None:
    request = args[0] if args else kwargs["req"]
    outgoing = Outgoing.begin("auto.http.aiohttp", request.method, parts_of(str(request.original_url)))
    if outgoing is None:
        return None
    if request.proxy is not None:
        outgoing.note_peer(request.proxy.host, request.proxy.port)
    lent = None
    if outgoing.headers:
        headers = request.headers
        existing = {name: ",".join(headers.getall(name)) for name in NAMES if name in headers}
        lent = lend(request, existing, outgoing.headers)
    return _Sending(request, outgoing, lent)


def _connected(sending: _Sending, connection: Any, error: BaseException | None) -> None:
    if error is not None:
        sending.failed(error)
    else:
        connection.__dict__[_PENDING] = sending


def _closing(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    sending = connection.__dict__.pop(_PENDING, None)
    if sending is not None:
        sending.failed(sys.exc_info()[1])


def _waiting(response: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    connection = args[0] if args else kwargs["connection"]
    sending = connection.__dict__.pop(_PENDING, None)
    return None if sending is None else (response, sending)


def _answered(state: tuple[Any, _Sending], result: Any, error: BaseException | None) -> None:
    response, sending = state
    if error is None:
        sending.answered(response)
    else:
        sending.failed(error)
