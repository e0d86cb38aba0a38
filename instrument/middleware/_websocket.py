"""A websocket: a transaction for its opening, and one for each message that it receives.

A connection may last for days; what is of interest is how long each message takes. All are parts of one trace, and the
opening is the parent of the messages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .. import _guard
from ..recording import NoopTransaction, Transaction, begin_transaction, get_span, set_span
from ._http import Incoming
from ._jobs import TRANSACTIONS

__all__ = ["Conversation"]

Message = MutableMapping[str, Any]


class Conversation:
    """One websocket, seen from between server and application."""

    __slots__ = ("_message", "_opening", "_receive", "_request", "_send")

    def __init__(
        self,
        request: Incoming,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self._request = request
        self._receive = receive
        self._send = send
        self._opening = request.transaction if request.owns & TRANSACTIONS else None
        self._message: Transaction | None = None

    async def receive(self) -> Message:
        """What the server gives the application. The message before has been dealt with when the next is asked for."""
        if self._message is not None:
            self._end_message()
            self._request.work_in(self._opening)
        message = await self._receive()
        kind = message["type"]
        if kind == "websocket.receive":
            _guard.guarded("websocket message", None, self._begin_message, message)
        elif kind == "websocket.disconnect":
            self._request.lose(message)
        return message

    async def send(self, message: Message) -> None:
        """What the application gives the server."""
        request = self._request
        kind = message["type"]
        if kind == "websocket.accept":
            request.code = 101
        elif kind == "websocket.http.response.start":
            request.code = int(message.get("status") or 403)
        elif kind == "websocket.close" and request.code is None:
            request.code = 403
        try:
            await self._send(message)
        except OSError as error:
            request.lose(error)
            raise
        if kind in ("websocket.accept", "websocket.close") and self._message is None:
            request.finish()

    def end(self) -> None:
        """The application has returned."""
        self._end_message()
        self._request.finish()

    def _begin_message(self, message: Message) -> None:
        opening = self._opening
        if opening is None:
            return
        set_span(None)
        begun = begin_transaction(
            opening.op, opening.name, source=opening.source, headers=opening.trace_headers(), sampled=opening.sampled
        )
        if not isinstance(begun, NoopTransaction):
            content = message.get("text") or message.get("bytes") or b""
            begun.data = {
                "sentry.origin": self._request.head.origin,
                "url.path": self._request.head.path,
                "websocket.message.size": len(content),
            }
        self._message = begun
        self._request.work_in(begun)
        begun.__enter__()

    def _end_message(self) -> None:
        message, self._message = self._message, None
        if message is None:
            return
        if message.status is None:
            message.set_status("cancelled" if self._request.is_gone else "ok")
        message.finish()
        if get_span() is None:
            set_span(self._opening)
