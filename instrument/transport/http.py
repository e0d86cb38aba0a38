"""HTTP POST: one kept-alive connection, never a redirect, never longer than a total deadline.

requests opens the connection and makes the first request on it. Those that follow take the short way of `kept`, unless
there is a proxy; whatever that way is not sure of ends with a new connection.

requests is imported when the first transport is made, which happens in `init`: the sender's thread must import nothing,
because a fork at that moment would leave the child with an import lock that nobody releases.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from .. import _fork
from .._clock import seconds
from .answer_head import merged
from .base import Answer, Outcome
from .exchange import BODY_LIMIT, Exchange, Reply

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter

    from .kept import KeptConnection

__all__ = ["HttpTransport"]

CONNECT_SECONDS: Final = 3.0
TOTAL_SECONDS: Final = 10.0
COMPRESS_FROM: Final = 1024
COMPRESS_LEVEL: Final = 2
GZIP_WINDOW: Final = 31
REFUSED: Final = frozenset({400, 413, 414, 415, 422, 431})


class HttpTransport:
    """Posts bodies to `url`.

    `proxy` is the URL of a proxy to go through, `ca_file` the certificates to trust instead of the usual ones,
    `own_certificate` the files of a certificate and its key that show who we are, or one file with both. What the
    environment says of them is not read here. Certificates are always checked.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        proxy: str | None = None,
        ca_file: str | None = None,
        own_certificate: str | tuple[str, str] | None = None,
        compresses: bool = True,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        import encodings.idna  # noqa: F401  (the first connection would import it, in the sender's thread)

        import requests
        from urllib3.exceptions import HTTPError

        from . import deadline, kept

        self._failures: tuple[type[Exception], ...] = (requests.RequestException, HTTPError, *kept.FAILURES)
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._exchange = Exchange()
        self._answers = deadline.response_class(self._exchange)
        self._take_over = kept.take_over
        self._idle: list[KeptConnection] = []  # at most one; whoever takes it out owns it
        self._adapter: HTTPAdapter | None = _adapter(self._exchange, self._answers)
        with requests.Session() as session:
            session.trust_env = False  # else a password from .netrc would replace the header for authorization
            request = requests.Request("POST", url, headers={**headers, "Accept-Encoding": "identity"})
            self._request = session.prepare_request(request)
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._verify = ca_file or True
        self._own_certificate = own_certificate
        self._compress_from = COMPRESS_FROM if compresses else sys.maxsize
        _fork.before(self._exchange.hold)
        _fork.in_child(self._forget)

    def send(self, body: bytes) -> Answer:
        """Post `body`, compressed when that is wanted and worth it."""
        is_packed = len(body) >= self._compress_from
        if is_packed:
            packer = zlib.compressobj(COMPRESS_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
            body = packer.compress(body) + packer.flush()
        self._exchange.ends = seconds() + self._total_seconds
        connection = self._take_idle()
        try:
            if connection is None:
                reply = self._send_first(body, is_packed=is_packed)
            else:
                reply = self._send_next(connection, body, is_packed=is_packed)
        except self._failures as error:
            return Answer("unreachable", detail=_reason(error))
        return _answer(reply)

    def close(self) -> None:
        """Break off what is under way and close the connection."""
        adapter = self._adapter
        self._exchange.abort()
        connection = self._take()
        if connection is not None:
            connection.close()
        if adapter is not None:
            adapter.close()

    def _take(self) -> KeptConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _take_idle(self) -> KeptConnection | None:
        """The kept connection, if it is as the last answer left it; else it is closed."""
        connection = self._take()
        if connection is None or connection.is_idle():
            return connection
        connection.close()
        return None

    def _send_next(self, connection: KeptConnection, body: bytes, *, is_packed: bool) -> Reply:
        is_clean = False
        try:
            reply = connection.post(body, is_packed=is_packed)
            is_clean = self._exchange.is_clean
        finally:
            if is_clean:
                self._idle.append(connection)
            else:
                connection.close()
        return reply

    def _send_first(self, body: bytes, *, is_packed: bool) -> Reply:
        request = self._request
        request.headers.pop("Content-Encoding", None)
        if is_packed:
            request.headers["Content-Encoding"] = "gzip"
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        if self._adapter is None:
            self._adapter = _adapter(self._exchange, self._answers)
        self._exchange.is_clean = True
        timeout = (min(self._connect_seconds, self._total_seconds), self._total_seconds)
        # A response of urllib3, whatever the adapter's signature says.
        response: Any = self._adapter.send(
            request,
            stream=True,
            timeout=timeout,
            verify=self._verify,
            cert=self._own_certificate,
            proxies=self._proxies,
        )
        try:
            answer = response.read(BODY_LIMIT, decode_content=False)
        except self._failures:
            answer = b""  # the status has said all that counts
        finally:
            response.close()
        if not self._proxies:
            connection = self._take_over(self._exchange, self._answers, response.status, response.version)
            if connection is not None:
                self._idle.append(connection)
        return Reply(response.status, merged(response.headers.items()), answer)

    def _forget(self) -> None:
        self._adapter = None
        self._exchange.forget()
        self._idle.clear()


def _adapter(exchange: Exchange, answers: Any) -> HTTPAdapter:
    """An adapter for one connection at a time, without retries, bound to `exchange`."""
    from requests.adapters import HTTPAdapter

    from .deadline import pool_classes

    pools = pool_classes(exchange, answers)

    class BoundedAdapter(HTTPAdapter):
        """Leaves out what one address and no cookies do not need: choosing a pool and dressing up the response."""

        pool: Any = None

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools

        def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
            pool = self.pool
            if pool is None:
                pool = self.pool = super().get_connection_with_tls_context(*args, **kwargs)
            return pool

        def build_response(self, req: Any, resp: Any) -> Any:
            return resp

        def close(self) -> None:
            self.pool = None
            super().close()

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = pools
            return manager

    return BoundedAdapter(pool_connections=1, pool_maxsize=1)


def _answer(reply: Reply) -> Answer:
    status = reply.status
    outcome: Outcome = "later"
    detail = f"HTTP {status} {_phrase(status)}".rstrip()
    if 200 <= status < 300:
        outcome = "accepted"
        if reply.headers.get("content-type", "").lower().lstrip().startswith("text/html"):
            outcome, detail = "unreachable", f"HTTP {status} with a web page, as from a login page in between"
    elif status in REFUSED:
        outcome = "refused"
    return Answer(outcome, status, reply.headers, reply.body, detail)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _reason(error: BaseException) -> str:
    """The class of the first cause and the system's words for it: texts of libraries may hold a proxy's password."""
    causes = [error]
    while len(causes) < 10:
        following = causes[-1].__cause__ or causes[-1].__context__
        if following is None:
            break
        causes.append(following)
    for cause in reversed(causes):
        if isinstance(cause, OSError) and isinstance(cause.strerror, str):
            return f"{type(cause).__name__}: {cause.strerror}"
    return type(causes[-1]).__name__
