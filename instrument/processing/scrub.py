"""Secrets out and values within bounds, before anything is written to disk or sent: one walk for both."""

from __future__ import annotations

import re
from typing import Any, Final

from ..recording import ErrorEvent, Event, TransactionEvent, plain

__all__ = ["Scrub"]

FILTERED: Final = "[Filtered]"
SHORT: Final = 1000
LONGEST: Final = 20_000
_PARTS: Final = (
    "passwd", "password", "pwd", "secret", "token", "apikey", "api_key", "privatekey", "private_key", "bearer",
    "credential", "jwt", "csrf", "xsrf", "cookie", "authorization", "auth", "session", "sessionid",
)  # fmt: skip
_SECRET: Final = re.compile(
    rf"(?:^|[_.\s])(?:{'|'.join(_PARTS)})s?(?:$|[_.\s\d])"
    r"|passw|secret|api_?key|private_?key|credential|access_?token|refresh_?token|auth_?token|csrf|xsrf|bearer"
)
_USER_INFO: Final = re.compile(r"(?<=://)[^/@\s:]{0,200}:[^/@\s]{1,400}(?=@)")


class Scrub:
    """Replaces the values of keys that name a secret, and user names and passwords in addresses."""

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event:
        """The item without its secrets. Keys stay, so that one sees that there was something."""
        item.extra = _clean(item.extra)
        item.contexts = _clean(item.contexts)
        item.tags = _clean(item.tags)
        if item.request is not None:
            item.request = _clean(item.request)
        if item.user is not None:
            item.user = _clean(item.user)
        if item.breadcrumbs:
            item.breadcrumbs = [_clean(crumb) for crumb in item.breadcrumbs]
        if isinstance(item, TransactionEvent):
            item.data = _clean(item.data)
            for span in item.spans:
                if span.data:
                    span.data = _clean(span.data)
                if span.tags:
                    span.tags = _clean(span.tags)
                if span.description is not None and "://" in span.description:
                    span.description = _USER_INFO.sub(FILTERED, span.description)
        elif isinstance(item, ErrorEvent):
            item.exceptions = _clean(item.exceptions)
            item.threads = _clean(item.threads)
            item.other = _clean(item.other)
        return item


def names_secret(key: str) -> bool:
    """Whether a key names something that must not leave: `api_key`, `X-Auth-Token`, but not `author` or `keyboard`."""
    return _SECRET.search(key.lower().replace("-", "_")) is not None


def _clean(value: Any) -> Any:
    """A copy without secrets, with every scalar within bounds: containers were bounded when they were captured."""
    kind = type(value)
    if kind is dict:
        return {
            key: FILTERED if inner is not None and names_secret(key) else _clean(inner) for key, inner in value.items()
        }
    if kind is list:
        return [_clean(one) for one in value]
    if kind is str:
        if "://" in value:
            value = _USER_INFO.sub(FILTERED, value[:LONGEST])
        return value if len(value) < SHORT else plain(value)
    return value if kind is bool or value is None else plain(value)
