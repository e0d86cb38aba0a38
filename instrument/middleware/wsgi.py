"""Around any WSGI application: `app = Tracing(app)`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import islice
from typing import Any, ClassVar, Final

from .. import _guard
from ._http import Incoming
from ._jobs import METHODS, Jobs
from ._request_data import LINES, LONGEST_NAME, NAMES, OF_TRACE, PERSONAL, Head, clean_path, is_personal

__all__ = ["EnvironHead", "Tracing", "environ_path", "note_disconnect"]

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_COMPLETE = (list, tuple)
"""Bodies that are there as a whole: nothing is done while they are sent."""
_DEEPEST = 5
"""How many errors are looked at that were raised from one another."""


class Tracing:
    """A WSGI application around `app` that records every request.

        app = Tracing(app)

    Each request gets a scope of its own (`isolation`), a transaction that continues the caller's trace and lasts until
    the body of the answer has ended (`transactions`), and what `app` raises is captured and raised on (`errors`). Each
    of the three can be switched off. `methods` are those that make a transaction, `routes` the prefixes of paths.
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
        origin: str = "auto.http.wsgi",
    ) -> None:
        self.app = app
        self._origin = origin
        self._jobs = Jobs.chosen(isolation, transactions, errors, methods, routes)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle a request."""
        request = Incoming.begin(EnvironHead(environ, self._origin), self._jobs)
        if request is None:
            return self.app(environ, start_response)

        def started(status: str, *args: Any, **kwargs: Any) -> Any:
            request.code = _code(status) if type(status) is str else None
            return partial(_write, request, start_response(status, *args, **kwargs))

        try:
            body = self.app(environ, started)
            if type(body) in _COMPLETE:
                request.finish()
                request.let_go()
                return body
        except BaseException as error:
            note_disconnect(request, error)
            request.failed(error)
            request.finish()
            request.let_go()
            raise
        finally:
            request.leave()
        return _watched(request, body, environ)


class Body:
    """The body of an answer, whose parts are produced where the request is current."""

    __slots__ = ("_body", "_next", "_request")

    def __init__(self, request: Incoming, body: Iterable[bytes]) -> None:
        self._request = request
        self._body = body
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        request = self._request
        request.enter()
        try:
            step = self._next
            if step is None:
                step = self._next = iter(self._body).__next__
            return step()
        except StopIteration:
            request.finish()
            raise
        except BaseException as error:
            note_disconnect(request, error)
            request.failed(error)
            request.finish()
            raise
        finally:
            request.leave()

    def close(self) -> None:
        """The server is done with it; where it has not asked for all, the client has gone."""
        request = self._request
        request.enter()
        try:
            _close(request, getattr(self._body, "close", None))
        finally:
            request.leave()
            request.let_go()

    def close_complete(self) -> None:
        """The server is done with it and need not have asked here for its parts."""
        request = self._request
        request.enter()
        request.finish()
        request.leave()
        request.let_go()

    def __del__(self, is_over: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_over():
            _guard.guarded("dropped answer", None, self._request.abandon)


class SizedBody(Body):
    """One that says how many parts it has, from which a server may know how long the answer is."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # it is taken for those that have it


def _write(request: Incoming, write: Callable[[bytes], Any], part: bytes) -> Any:
    """What `start_response` returns: an error of it is the server's, of which the request takes note."""
    try:
        return write(part)
    except OSError as error:
        request.lost = error
        raise


def note_disconnect(request: Incoming, error: BaseException) -> None:
    """Take the client for gone if `error` is what the server raised where the body was read or the answer written.

    Or what a framework says in its place, as Django does. An `OSError` of anything else is the application's.
    """
    if isinstance(error, OSError) and _guard.guarded("lost client", False, _is_of_server, request, error):
        request.lose(error)


def _is_of_server(request: Incoming, error: BaseException) -> bool:
    """Whether the server has raised `error`, or what it was raised from, in its stream or what is below that."""
    stream = request.head.carrier.get("wsgi.input")
    # A reader written in C has no frame, but the socket below it does.
    owners = [id(one) for one in (stream, getattr(stream, "raw", None)) if one is not None]
    seen: BaseException | None = error
    for _ in range(_DEEPEST):
        if not isinstance(seen, OSError):
            return False
        if seen is request.lost:
            return True
        step = seen.__traceback__
        while step is not None:
            if id(step.tb_frame.f_locals.get("self")) in owners:
                return True
            step = step.tb_next
        seen = seen.__cause__
    return False


def _close(request: Incoming, close: Callable[[], Any] | None) -> None:
    request.is_gone = request.transaction is not None and request.transaction.end_ticks is None
    try:
        if close is not None:
            close()
    except BaseException as error:
        request.failed(error)
        raise
    finally:
        request.finish()


def _watched(request: Incoming, body: Iterable[bytes], environ: Environ) -> Iterable[bytes]:
    """`body` such that the request ends with it. A file that the server may send by itself stays what it is."""
    wrapper = environ.get("wsgi.file_wrapper")
    if not isinstance(wrapper, type) or not isinstance(body, wrapper):
        return SizedBody(request, body) if hasattr(type(body), "__len__") else Body(request, body)
    end = Body(request, ()).close_complete
    close: Callable[[], Any] | None = getattr(body, "close", None)

    def closed() -> None:
        try:
            if close is not None:
                close()
        finally:
            end()

    try:
        body.close = closed  # type: ignore[attr-defined]  # it has one, or is given one
    except AttributeError:
        end()
    return body


class EnvironHead:
    """The head of a request, read from a WSGI environ."""

    __slots__ = ("body_of", "carrier", "method", "origin", "path", "route", "user_of")

    op = "http.server"
    carrier_name = "wsgi_environ"
    personal: ClassVar[set[str]] = set()

    def __init__(self, environ: Environ, origin: str, route: str | None = None) -> None:
        self.carrier = environ
        self.origin = origin
        self.route = route
        self.body_of: Callable[[int], Any] | None = None
        self.user_of: Callable[[], dict[str, Any] | None] | None = None
        self.method = str(environ.get("REQUEST_METHOD", "GET")).upper()
        self.path = environ_path(environ)

    @property
    def headers(self) -> Environ:
        """The environ: `read_headers` knows where it has its headers."""
        return self.carrier

    def header_map(self) -> dict[str, str]:
        """The headers by their names in lower case."""
        environ = self.carrier
        found = {name.lower(): value for name, value in self.shown_headers().items()}
        found.update((name, environ[key]) for key, name in _OF_TRACE.items() if key in environ)
        return found

    def shown_headers(self) -> dict[str, str]:
        """The headers by their names with capitals, `User-Agent`, without those of the trace."""
        names, items = _header_names, self.carrier.items()
        try:
            return {name: value for key, value in items if (name := names[key]) and value}
        except KeyError:
            shown = ((name, value) for key, value in items if (name := _header_name(key)) and value)
            return dict(islice(shown, LINES))

    def scheme_and_host(self, shown: dict[str, str]) -> tuple[str, str | None, tuple[str, str]]:
        """The scheme, the `Host` among the headers, and the server's own name and port."""
        environ = self.carrier
        server = str(environ.get("SERVER_NAME") or ""), str(environ.get("SERVER_PORT") or "")
        return environ.get("wsgi.url_scheme", "http"), shown.get("Host"), server

    def query(self) -> str:
        """The query as it came."""
        return str(self.carrier.get("QUERY_STRING") or "")

    def peer(self) -> str | None:
        """The address of the client, or of the proxy before us."""
        return self.carrier.get("REMOTE_ADDR")

    def body(self, limit: int) -> Any:
        """What a framework has read; without one nothing, because it is the application that reads it."""
        return self.body_of(limit) if self.body_of is not None else None


_OF_TRACE: Final = {f"HTTP_{name.upper().replace('-', '_')}": name for name in OF_TRACE}

_header_names: dict[Any, str] = {}
"""For keys of environs that have been seen the header's name, empty for what is not shown as one."""


def _header_name(key: Any) -> str:
    if key in _header_names:
        return _header_names[key]
    name = ""
    if isinstance(key, str) and (key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH")):
        name = "" if key in _OF_TRACE else key.removeprefix("HTTP_").replace("_", "-").title()
    is_kept = len(_header_names) < NAMES and len(key) <= LONGEST_NAME
    if name and name not in EnvironHead.personal and is_personal(name.lower()):
        if not is_kept:
            return ""
        EnvironHead.personal.add(name)
    if is_kept:
        _header_names[key] = name
    return name


for _name in PERSONAL:
    _header_name(f"HTTP_{_name.upper().replace('-', '_')}")


def environ_path(environ: Mapping[str, Any]) -> str:
    """The path of a request: WSGI has its bytes as Latin-1, and they are UTF-8."""
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    if not path.isascii():
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    return clean_path(path)


@lru_cache(maxsize=64)
def _code(status: str) -> int | None:
    """The three digits a status line begins with."""
    digits = status[:3]
    return int(digits) if len(digits) == 3 and digits.isdecimal() and digits.isascii() else None
