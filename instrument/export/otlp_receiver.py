"""Where a receiver of OTLP is, and what goes with each request to it, as a user or the environment says."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from .. import _guard
from .._value import Value, made
from .._version import client_name
from ..dsn import Dsn
from ..errors import BadOption
from ..options import address_parts, traces_address

__all__ = ["Receiver", "checked_headers", "receiver_of", "usable_headers"]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"(?:[!-~\xa1-\xff](?:[ \t!-~\xa1-\xff]*[!-~\xa1-\xff])?)?")


class Receiver(Value):
    """Where traces are taken, and the headers that say who we are if the address was given with a name or a key."""

    address: str
    headers: Mapping[str, str] = made(dict)

    @property
    def place(self) -> str:
        """The address as it may be shown: a query may hold a key."""
        return self.address.partition("?")[0]

    def __repr__(self) -> str:
        return f"Receiver({self.place!r})"


def receiver_of(given: str, *, variable: str | None = None) -> Receiver:
    """The receiver with this base address, or this DSN; what a `variable` says is the whole address.

    Raises `BadOption`, without a key or password in its message.
    """
    parts = address_parts(given)
    if parts is None:
        raise BadOption(
            f"{variable or 'endpoint'}={_shown(given)} cannot be used: it must be an address such as http://localhost:4318"
        )
    user, is_named, place = parts.netloc.rpartition("@")
    if variable is None and is_named and parts.path.rpartition("/")[2].isdigit():
        dsn = Dsn.parse(given)
        own = dsn.envelope_url.removesuffix("envelope/") + "integration/otlp/v1/traces/"
        return Receiver(own, {"X-Sentry-Auth": dsn.auth_header(client_name())})
    address = parts._replace(netloc=place, fragment="").geturl()
    headers = {"Authorization": f"Basic {b64encode(unquote(user).encode()).decode()}"} if is_named else {}
    return Receiver(traces_address(address) if variable is None else address, headers)


def _shown(given: Any) -> str:
    if not isinstance(given, str):
        return f"<{type(given).__name__}>"
    _, is_named, after = given.partition("?")[0].rpartition("@")
    return repr(f"***@{after}" if is_named else after)[:200]


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they can be sent; raises `BadOption`, without a value in its message."""
    if not isinstance(headers, Mapping):
        raise BadOption("headers cannot be used: they must be a mapping of names to values")
    for name, value in headers.items():
        if not _is_header(name, value):
            which = repr(name)[:100] if isinstance(name, str) else f"a {type(name).__name__}"
            raise BadOption(f"headers cannot be used: {which} or its value is no line of text that a header may be")
    return dict(headers)


def usable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of the environment's headers that can be sent."""
    usable = {name: value for name, value in headers.items() if _is_header(name, value)}
    if len(usable) < len(headers):
        _guard.say("otlp headers", "a part of OTEL_EXPORTER_OTLP_HEADERS is ignored: it can be no header")
    return usable


def _is_header(name: Any, value: Any) -> bool:
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    return _NAME.fullmatch(name) is not None and _VALUE.fullmatch(value) is not None
