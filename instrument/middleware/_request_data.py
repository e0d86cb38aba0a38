"""The `request` of an event: what was asked for, without what is nobody's business.

Layout and rules: https://develop.sentry.dev/sdk/data-model/event-payloads/request/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from itertools import islice
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote

from ..options import Options

__all__ = ["BODY_LIMITS", "Head", "clean_path", "parsed_body", "request_data"]

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

_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@-]*")
_DEFAULT_PORT = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}


class Head(Protocol):
    """What an adapter knows of a request when it comes in."""

    op: str
    origin: str
    mechanism: str
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
    """Where a framework tells what it has read of the body, if that is not longer than so many bytes."""
    has_titles: bool
    """Whether the names of headers are shown as `User-Agent` and not in lower case."""

    @property
    def headers(self) -> Any:
        """The headers in a form that `propagation.read_headers` takes."""

    def header_map(self) -> dict[str, str]:
        """The headers by their names in lower case; those that came several times joined by commas."""

    def scheme_and_host(self) -> tuple[str, str | None, tuple[str, str]]:
        """The scheme, the `Host` header, and the server's own name and port."""

    def query(self) -> str:
        """What stands behind the question mark, as it came."""

    def peer(self) -> str | None:
        """The address of the other end of the connection."""

    def body(self, limit: int) -> Any:
        """The parsed body, where somebody has read it already and it is not longer than `limit` bytes."""


def request_data(head: Head, options: Options) -> dict[str, Any]:
    """What an event says of the request. Without `send_default_pii` nothing that tells who it was."""
    personal = options.send_default_pii
    headers = head.header_map()
    scheme, host, (name, port) = head.scheme_and_host()
    if not host or _HOST.fullmatch(host) is None:
        host = f"[{name}]" if ":" in name else name
        host = f"{host}:{port}" if host and port else host
    url = f"{scheme}://{host.removesuffix(_DEFAULT_PORT.get(scheme, ' '))}" if host else ""
    data: dict[str, Any] = {"method": head.method, "url": url + _encoded(head.path)}
    query = head.query()
    if query:
        data["query_string"] = query
    if personal and "cookie" in headers:
        data["cookies"] = _cookies(headers["cookie"])
    data["headers"] = _shown(headers, personal, head.has_titles)
    data["env"] = {"SERVER_NAME": name, "SERVER_PORT": port}
    if personal:
        client = _client(headers) or head.peer()
        if client:
            data["env"]["REMOTE_ADDR"] = client
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
    return path if path.isprintable() else _encoded(path)


def parsed_body(raw: bytes, content_type: str) -> Any:
    """A JSON or form body as data, or `None` for anything else."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            return None
    if kind == "application/x-www-form-urlencoded":
        try:
            return as_form(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=HEADERS))
        except ValueError:
            return None
    return None


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


def _shown(headers: dict[str, str], personal: bool, titles: bool) -> dict[str, str]:
    if len(headers) > HEADERS:
        headers = dict(islice(headers.items(), HEADERS))
    if not personal:
        hidden = PERSONAL.intersection(headers)
        if hidden:
            headers = {**headers, **dict.fromkeys(hidden, FILTERED)}
    return {_title(name): value for name, value in headers.items()} if titles else headers


@lru_cache(maxsize=256)
def _title(name: str) -> str:
    return name.title()


def _client(headers: dict[str, str]) -> str | None:
    return headers.get("x-forwarded-for", "").partition(",")[0].strip() or headers.get("x-real-ip")


def _cookies(text: str) -> dict[str, str] | str:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return FILTERED


def _encoded(path: str) -> str:
    if _PLAIN_PATH.fullmatch(path) is not None:
        return path
    return quote(path[:8192], safe="/~!$&'()*+,;=:@", errors="replace")
