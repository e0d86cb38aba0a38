"""Around any ASGI application: `app = Tracing(app)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, ClassVar

from .. import _guard
from ..recording import HUB
from ._http import Incoming
from ._jobs import METHODS, Jobs
from ._request_data import (
    BODY_LIMITS,
    LINES,
    LONGEST_NAME,
    NAMES,
    OF_TRACE,
    PERSONAL,
    TOO_LONG,
    Head,
    clean_path,
    is_personal,
    parsed_body,
)
from ._websocket import Conversation

__all__ = ["ScopeHead", "Tracing"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[Any]]


class Tracing:
    """An ASGI application around `app` that records every request and every message of a websocket.

        app = Tracing(app)

    Each request gets a scope of its own (`isolation`), a transaction that continues the caller's trace and lasts until
    the body of the answer has been sent (`transactions`), and what `app` raises is captured and raised on (`errors`).
    Each of the three can be switched off. `methods` are those that make a transaction, `routes` the prefixes of paths.

    A websocket has a transaction for its opening and one for each message it receives, all in one trace.
    """

    def __init__(
        self,
        app: Application,
        *,
        isolation: bool = True,
        transactions: bool = True,
        errors: bool = True,
        methods: Iterable[str] = METHODS,
        routes: Iterable[str] | Callable[[Head], bool] | None = None,
        origin: str = "auto.http.asgi",
    ) -> None:
        self.app = app
        self._origin = origin
        self._jobs = Jobs.chosen(isolation, transactions, errors, methods, routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            await self.app(scope, receive, send)
            return
        request = Incoming.begin(ScopeHead(scope, self._origin), self._jobs)
        if request is None:
            await self.app(scope, receive, send)
            return
        watch: Exchange | Conversation = (Exchange if kind == "http" else Conversation)(request, receive, send)
        try:
            await self.app(scope, watch.receive, watch.send)
        except BaseException as error:
            request.let_through(error, _guard.foreign("status of an error", None, _answer, request, error))
            raise
        finally:
            watch.end()
            request.leave()
            request.let_go()


_BODIES = frozenset({"http.response.body", "http.response.pathsend", "http.response.zerocopysend"})


class Exchange:
    """One HTTP request and its answer, seen from between server and application."""

    __slots__ = ("_is_over", "_receive", "_request", "_send")

    def __init__(self, request: Incoming, receive: Receive, send: Send) -> None:
        self._is_over = False
        self._request = request
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        """What the server gives the application."""
        message = await self._receive()
        request = self._request
        if message["type"] == "http.request":
            request.head.keep(message)  # type: ignore[attr-defined]  # it is a ScopeHead
        elif message["type"] == "http.disconnect":
            if self._is_over:
                # It follows every answer, on some servers while they still take the last part.
                request.finish()
            else:
                request.lose(message)
        return message

    async def send(self, message: Message) -> None:
        """What the application gives the server."""
        request = self._request
        kind = message["type"]
        if kind == "http.response.start":
            request.code = _code(message.get("status"))
        is_last = kind in _BODIES and not message.get("more_body")
        if is_last:
            self._is_over = True
        try:
            await self._send(message)
        except OSError as error:
            request.lose(error)
            raise
        if is_last:
            request.finish()

    def end(self) -> None:
        """The application has returned."""
        self._request.finish()


class ScopeHead:
    """The head of a request, read from an ASGI scope."""

    __slots__ = (
        "_chunks",
        "_room",
        "answers_errors",
        "body_of",
        "carrier",
        "method",
        "op",
        "origin",
        "path",
        "route",
        "user_of",
    )

    carrier_name = "asgi_scope"
    personal: ClassVar[set[str]] = set(PERSONAL)

    def __init__(self, scope: Scope, origin: str, route: str | None = None) -> None:
        self.carrier = scope
        self.answers_errors = "starlette.exception_handlers" in scope
        self.origin = origin
        self.route = route
        self.op = "http.server" if scope["type"] == "http" else "websocket.server"
        self.method = str(scope.get("method") or "GET").upper()
        self.path = clean_path(str(scope.get("path") or "/"))
        self.body_of: Callable[[int], Any] | None = None
        self.user_of: Callable[[], dict[str, Any] | None] | None = None
        self._chunks: list[bytes] = []
        self._room: int | None = None

    @property
    def headers(self) -> Any:
        """The list of pairs of bytes, as far as it is looked at."""
        lines = self.carrier.get("headers") or ()
        if type(lines) is not list and type(lines) is not tuple:
            lines = self.carrier["headers"] = list(lines)
        return lines if len(lines) <= LINES else lines[:LINES]

    def header_map(self) -> dict[str, str]:
        """The headers by their names in lower case; those that came several times joined by commas."""
        found: dict[str, str] = {}
        for key, value in self.headers:
            name, text = key.decode("latin-1").lower(), value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
        return found

    def shown_headers(self) -> dict[str, str]:
        """The same without those of the trace."""
        recall = _header_names.get
        found: dict[str, str] = {}
        for key, value in self.headers:
            name = recall(key)
            if name is None:
                name = _header_name(key)
            if name in found:
                found[name] += ", " + value.decode("latin-1")
            elif name:
                found[name] = value.decode("latin-1")
        return found

    def scheme_and_host(self, shown: dict[str, str]) -> tuple[str, str | None, tuple[str, str]]:
        """The scheme, the `Host` among the headers, and the server's own name and port."""
        scope, host = self.carrier, shown.get("host")
        name, port = scope.get("server") or ("", None)
        return scope.get("scheme", "http"), host, (str(name or ""), str(port) if port else "")

    def query(self) -> str:
        """The query as it came."""
        query = self.carrier.get("query_string") or b""
        return query.decode("latin-1") if isinstance(query, bytes) else str(query)

    def peer(self) -> str | None:
        """The address of the client, or of the proxy before us."""
        client = self.carrier.get("client")
        return str(client[0]) if client else None

    def keep(self, message: Message) -> None:
        """Remember a part of the body that the application reads, as long as the whole may be worth showing."""
        chunk = message.get("body")
        if chunk:
            room = BODY_LIMITS[HUB.options.max_request_body_size] if self._room is None else self._room
            self._room = room = room - len(chunk)
            if room < 0 or len(self._chunks) >= CHUNKS:
                self._room = -1
                self._chunks.clear()
            else:
                self._chunks.append(chunk)

    def body(self, limit: int) -> Any:
        """What the application has read of the body, parsed."""
        if self.body_of is not None:
            return self.body_of(limit)
        if self._room is not None and self._room < 0:
            return TOO_LONG
        if not self._chunks:
            return None
        kind = next((value for key, value in self.headers if key == b"content-type"), b"")
        return _guard.foreign("request body", None, parsed_body, b"".join(self._chunks), kind.decode("latin-1"))


_header_names: dict[bytes, str] = {}
"""For names of headers that have been seen how they are shown, empty for those of the trace."""


def _header_name(key: bytes) -> str:
    name = key.decode("latin-1").lower()
    name = "" if name in OF_TRACE else name
    is_kept = len(_header_names) < NAMES and len(key) <= LONGEST_NAME
    if name not in ScopeHead.personal and is_personal(name):
        if not is_kept:
            return ""
        ScopeHead.personal.add(name)
    if is_kept:
        _header_names[key] = name
    return name


CHUNKS = 200
"""A body that comes in more parts than this is not shown."""


def _answer(request: Incoming, error: BaseException) -> int | None:
    """The status that a Starlette around the middleware is going to answer `error` with, if there is one."""
    if request.code is not None or not getattr(request.head, "answers_errors", False):
        return None
    code: Any = getattr(error, "status_code", None)
    kinds = {(kind.__module__, kind.__name__) for kind in type(error).__mro__}
    return _code(code) if ("starlette.exceptions", "HTTPException") in kinds else None


def _code(status: Any) -> int | None:
    return int(status) if isinstance(status, int) else None
