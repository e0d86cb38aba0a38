"""HTTP in the words of the semantic conventions: https://opentelemetry.io/docs/specs/semconv/http/http-spans/."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from ..recording import text

__all__ = ["describe_client", "describe_request", "describe_server"]

METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"},
)
PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_OF_REQUEST: Final = {"method": "http.request.method", "query_string": "url.query", "data": "http.request.body.data"}


def describe_client(attributes: dict[str, Any]) -> str | None:
    """Put in whole what is known of a request to another server. Its name, if it is one."""
    method, url = attributes.get("http.request.method"), attributes.get("url")
    if type(method) is not str or type(url) is not str:
        return None
    del attributes["url"]
    query = attributes.get("url.query")
    attributes["url.full"] = f"{url}?{query}" if query else url
    for name, value in _place(url).items():
        if name != "url.scheme":
            attributes.setdefault(name, value)
    return _name(attributes, method)


def describe_server(attributes: dict[str, Any], name: str, source: str) -> str:
    """The name of a request that came in as `name`: with its route, never with its path, which is always another."""
    method = attributes.get("http.request.method")
    if type(method) is not str:
        return name
    shown = _name(attributes, method)
    if source == "url":
        return shown
    return f"{shown}{name[len(method) :]}" if name.startswith(f"{method} ") else name


def _name(attributes: dict[str, Any], method: str) -> str:
    """The method in a name, which nobody can make many of. One that is not known goes to an attribute of its own."""
    known = method.upper()
    if known == method and known in METHODS:
        return method
    attributes["http.request.method_original"] = method
    attributes["http.request.method"] = known if known in METHODS else "_OTHER"
    return known if known in METHODS else "HTTP"


def describe_request(request: dict[str, Any]) -> dict[str, Any]:
    """What an event's `request` says."""
    found = {name: request[key] for key, name in _OF_REQUEST.items() if request.get(key) is not None}
    url, query = request.get("url"), request.get("query_string")
    if type(url) is str and url:
        found["url.full"] = f"{url}?{query}" if type(query) is str and query else url
        found.update(_place(url))
    for part, prefix in (("headers", "http.request.header."), ("cookies", "http.request.cookie.")):
        values = request.get(part)
        if type(values) is dict:
            for name, value in values.items():
                found[prefix + text(name).lower()] = value if type(value) is list else [value]
    agent = found.get("http.request.header.user-agent")
    if agent:
        found["user_agent.original"] = agent[0]
    environ = request.get("env")
    if type(environ) is dict and type(environ.get("REMOTE_ADDR")) is str:
        found["client.address"] = environ["REMOTE_ADDR"]
    return found


def _place(url: str) -> dict[str, Any]:
    """Scheme, host and port of an address, as far as it has them."""
    scheme, _, rest = url.partition("://")
    return _place_of(scheme.lower(), rest.partition("/")[0].partition("?")[0])


@lru_cache(maxsize=256)
def _place_of(scheme: str, place: str) -> dict[str, Any]:
    try:
        parts = urlsplit(f"{scheme}://{place}")
        host, port = parts.hostname, parts.port or PORTS.get(scheme)
    except ValueError:
        return {}
    found = {"url.scheme": scheme, "server.address": host, "server.port": port if host else None}
    return {name: value for name, value in found.items() if value}
