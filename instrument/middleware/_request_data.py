"""The `request` of an event: what was asked for, without what is nobody's business.

Layout and rules: https://develop.sentry.dev/sdk/data-model/event-payloads/request/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from itertools import islice
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qsl, quote

from ..options import Options

__all__ = ["BODY_LIMITS", "Head", "clean_path", "is_personal", "parsed_body", "request_data"]

FILTERED = "[Filtered]"
HEADERS = 100
"""How many headers of a request are shown."""

BODY_LIMITS = {"never": 0, "small": 1_000, "medium": 10_000, "always": 10_000_000}
"""Bytes of a body that are shown, for each value of `max_request_body_size`."""

PERSONAL = frozenset(
    {
        "authorization",
        "cf-connecting-ip",
        "cookie",
        "forwarded",
        "from",
        "proxy-authorization",
        "set-cookie",
        "true-client-ip",
        "x-api-key",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-forwarded-for",
        "x-real-ip",
    }
)
"""Headers that tell who somebody is, or let one pass for somebody. Their values are sent only where that is wanted."""

_PERSONAL = re.compile(
    r"forwarded(?!-(?:host|port|prefix|proto|protocol|scheme|ssl)$)|-ip(?!fs)|(?:client|socket)ip|remote-"
    r"|-user(?!-agent)|-e?mail|(?:client|external|viewer)-addr|client-?cert|client-(?:s-|i-)?(?:dn|cn)$|-consumer-"
    r"|principal|oidc"
)
"""What the names of others like them have in them: proxies and logins in front of a program have names of their own."""

OF_TRACE = frozenset({"baggage", "sentry-trace", "traceparent", "tracestate"})
"""Headers that are not shown: what they say is the trace's context, or for services of other vendors alone."""

NAMES = 500
"""Names of headers that are remembered. They come from clients, so not all of them are."""
LONGEST_NAME = 100
LINES = 300
"""How many headers of a request are looked at."""

_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@-]*")
_LONGEST_HOST = 300
LONGEST_HEAD = 1000
"""Bytes of the head of a part of a form that are looked at."""
_BOUNDARY = re.compile(r'boundary="?([A-Za-z0-9\'()+_,./:=? -]{1,70})', re.IGNORECASE)
_NAME = re.compile(r'[;\s]name="([^"]{0,200})"', re.IGNORECASE)
_FILE = re.compile(r'[;\s]filename="([^"]{0,500})"', re.IGNORECASE)
_KIND = re.compile(r"\ncontent-type:([^\r\n]{0,200})", re.IGNORECASE)
_DEFAULT_PORT = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}


class Head(Protocol):
    """What an adapter knows of a request when it comes in."""

    op: str
    origin: str
    method: str
    """In upper case."""
    path: str
    """Decoded, and beginning with a slash."""
    route: str | None
    """The route it will take, where that is known before the framework looks for it."""
    carrier: Any
    """The WSGI environ or the ASGI scope."""
    carrier_name: str
    body_of: Callable[[int], Any] | None
    """Where a framework tells what it has read of the body: `TOO_LONG` if it has more than so many bytes."""
    user_of: Callable[[], dict[str, Any] | None] | None
    """Where a framework tells whom it has found to be logged in, without asking anybody for it."""
    personal: ClassVar[set[str]]
    """The names that `is_personal` and that were seen so far, as `shown_headers` spells them."""

    @property
    def headers(self) -> Any:
        """The headers in a form that `propagation.read_headers` takes."""

    def header_map(self) -> dict[str, str]:
        """The headers by their names in lower case; those that came several times joined by commas."""

    def shown_headers(self) -> dict[str, str]:
        """The same, in a mapping of its own, by their names as events show them, without those in `OF_TRACE`."""

    def scheme_and_host(self, shown: dict[str, str]) -> tuple[str, str | None, tuple[str, str]]:
        """The scheme, the `Host` among the headers, and the server's own name and port."""

    def query(self) -> str:
        """What stands behind the question mark, as it came."""

    def peer(self) -> str | None:
        """The address of the other end of the connection."""

    def body(self, limit: int) -> Any:
        """The parsed body, where somebody has read it already: `TOO_LONG` if it has more than `limit` bytes."""


def request_data(head: Head, options: Options) -> dict[str, Any]:
    """What an event says of the request. Without `send_default_pii` nothing that tells who it was."""
    shown = head.shown_headers()
    scheme, host, server = head.scheme_and_host(shown)
    if host and len(host) > _LONGEST_HOST:
        host = None
    data: dict[str, Any] = {"method": head.method, "url": _origin(scheme, host, server) + _encoded(head.path)}
    query = head.query()
    if query:
        data["query_string"] = query
    if len(shown) > HEADERS:
        shown = dict(islice(shown.items(), HEADERS))
    data["headers"] = shown
    data["env"] = env = {"SERVER_NAME": server[0], "SERVER_PORT": server[1]}
    if options.send_default_pii:
        headers = head.header_map()
        if "cookie" in headers:
            data["cookies"] = _cookies(headers["cookie"])
        client = _client(headers) or head.peer()
        if client:
            env["REMOTE_ADDR"] = client
    else:
        for name in head.personal.intersection(shown):
            shown[name] = FILTERED
    limit = BODY_LIMITS[options.max_request_body_size]
    body = head.body(limit) if limit else None
    if body is not None:
        data["data"] = body
    return data


def clean_path(path: str) -> str:
    """A path as it goes into a name: without scheme and host, which a proxy's client sends, and in one line."""
    if not path.startswith("/"):
        _, mark, rest = path.partition("://")
        path = f"/{rest.partition('/')[2]}" if mark else f"/{path}" if path else "/"
    return path if path.isprintable() else _Encoded(_encoded(path))


class _Encoded(str):
    """A path that is in the form of a URL already."""


class LeftOut(str):
    """In place of a body an empty text, which knows the rule that events give as the reason."""

    remark: str

    @classmethod
    def by(cls, remark: str) -> LeftOut:
        """The text for a rule of the protocol."""
        made = cls()
        made.remark = remark
        return made


TOO_LONG = LeftOut.by("!config")
"""A body that is longer than `max_request_body_size` allows."""
UNREADABLE = LeftOut.by("!raw")
"""A body that is no JSON and no form, or a broken one."""


def is_personal(name: str) -> bool:
    """Whether a header, by its name in lower case, tells who somebody is."""
    name = name.replace("_", "-")
    return name in PERSONAL or _PERSONAL.search(name) is not None


def parsed_body(raw: bytes, content_type: str) -> Any:
    """A JSON or form body as data, anything else as `UNREADABLE`. Of files in a form the name and kind are told."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            return UNREADABLE
    if kind == "application/x-www-form-urlencoded":
        try:
            return as_form(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=HEADERS))
        except ValueError:
            return UNREADABLE
    if kind == "multipart/form-data":
        boundary = _BOUNDARY.search(content_type)
        return as_form(_fields(raw, boundary[1].encode())) or UNREADABLE if boundary is not None else UNREADABLE
    return UNREADABLE


def _fields(raw: bytes, boundary: bytes) -> Iterator[tuple[str, Any]]:
    """The fields of a form that came in parts."""
    for part in (b"\r\n" + raw).split(b"\r\n--" + boundary, HEADERS + 1)[1 : HEADERS + 1]:
        head, mark, content = part.partition(b"\r\n\r\n")
        said = head[:LONGEST_HEAD].decode("utf-8", "replace")
        name = _NAME.search(said)
        if not mark or name is None:
            continue
        file = _FILE.search(said)
        if file is not None:
            kind = _KIND.search(said)
            yield name[1], {"filename": file[1], "type": kind[1].strip() if kind is not None else ""}
        else:
            yield name[1], content.decode("utf-8", "replace")


def as_form(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a form; one that came several times is a list."""
    form: dict[str, Any] = {}
    for key, value in pairs:
        if key in form:
            former = form[key]
            form[key] = [*former, value] if isinstance(former, list) else [former, value]
        else:
            form[key] = value
    return form


def read_form(pairs: Iterable[tuple[str, Any]], limit: int) -> Any:
    """The fields of a form that a framework has taken apart, whose length in bytes nobody may have told."""
    room = limit
    fields = []
    for key, value in pairs:
        room -= len(key) + (len(value) if type(value) is str else 0)
        if room < 0:
            return TOO_LONG
        fields.append((key, value))
    return as_form(fields) or None


@lru_cache(maxsize=64)
def _origin(scheme: str, host: str | None, server: tuple[str, str]) -> str:
    """What a URL begins with. A `Host` that cannot be one is not believed."""
    if not host or _HOST.fullmatch(host) is None:
        name, port = server
        host = f"[{name}]" if ":" in name else name
        host = f"{host}:{port}" if host and port else host
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORT.get(scheme, ' '))}" if host else ""


def _client(headers: dict[str, str]) -> str | None:
    return headers.get("x-forwarded-for", "").partition(",")[0].strip() or headers.get("x-real-ip")


def _cookies(text: str) -> dict[str, str] | str:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return FILTERED


def _encoded(path: str) -> str:
    if _PLAIN_PATH.fullmatch(path) is not None or type(path) is _Encoded:
        return path
    return quote(path[:8192], safe="/~!$&'()*+,;=:@", errors="replace")
