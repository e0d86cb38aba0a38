"""The server's rules for names, tags and other short fields: what breaks one costs a field or a whole event.

Lengths and alphabets are those of Relay, the ingestion server.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from math import isfinite
from typing import Any, Final

from ..recording import text

__all__ = [
    "DESCRIPTION",
    "DIST",
    "ENVIRONMENT",
    "LOGGER",
    "NAME",
    "OP",
    "RELEASE",
    "SERVER_NAME",
    "SOURCES",
    "STATUSES",
    "crumb",
    "cut",
    "environment",
    "level",
    "line",
    "measurements",
    "origin",
    "release",
    "source",
    "span_tags",
    "tags",
    "user",
]

NAME: Final = 200
RELEASE: Final = 200
TAG: Final = 200
OP: Final = 128
DESCRIPTION: Final = 8192
SERVER_NAME: Final = 256
LOGGER: Final = 64
ENVIRONMENT: Final = 64
UNIT: Final = 15
DIST: Final = 64

_KNOWN_STATUSES: Final = (
    "ok",
    "cancelled",
    "unknown_error",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal_error",
    "unavailable",
    "data_loss",
    "unauthenticated",
)
_OTHER_WORDS: Final = {
    "success": "ok",
    "failure": "internal_error",
    "unknown": "unknown_error",
    "internal": "internal_error",
}
_NAMED: Final = {status: status for status in _KNOWN_STATUSES} | _OTHER_WORDS
STATUSES: Final = {
    **_NAMED,
    **{name.upper(): status for name, status in _NAMED.items()},
    **{str(code): status for code, status in enumerate(_KNOWN_STATUSES)},
}
"""The statuses a span may have, and what means one of them: other words, names and numbers of gRPC."""

SOURCES: Final = frozenset({"custom", "url", "route", "view", "component", "task"})
"""Where the name of a transaction may come from."""

_TEXTS_OF_USER: Final = ("email", "name", "segment")
"""What the server takes as text only; an id or a user's name may be a number too."""
_LEVELS: Final = {level: level for level in ("fatal", "error", "warning", "info", "debug")} | {
    "critical": "fatal",
    "warn": "warning",
    "log": "info",
}
_NOT_IN_TAG_KEY: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_NOT_IN_MEASUREMENT: Final = re.compile(r"[^A-Za-z0-9_.]")
_NOT_IN_ORIGIN: Final = re.compile(r"[^A-Za-z0-9_.]")
_NOT_IN_UNIT: Final = re.compile(r"[^A-Za-z0-9_]")
_NOT_IN_RELEASE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]")
_NOT_IN_DIST: Final = re.compile(r"[^A-Za-z0-9_.-]")


def cut(value: str, limit: int) -> str:
    """At most `limit` characters, the last three of them dots when something is missing."""
    return value if len(value) <= limit else value[: limit - 3] + "..."


def line(value: str, limit: int) -> str:
    """The same on one line, without blanks around it."""
    return " ".join(cut(value, limit).split()) if not value.isprintable() else cut(value, limit).strip()


def tags(given: dict[str, Any]) -> dict[str, str]:
    """An event's tags. The server has none without a value, none over more than one line."""
    kept = {}
    for key, value in given.items():
        name = _NOT_IN_TAG_KEY.sub("_", cut(text(key).replace(" ", "-"), TAG))
        shown = line(text(value), TAG)
        if name and shown:
            kept[name] = shown
    return kept


def span_tags(given: dict[str, Any]) -> dict[str, str]:
    """A span's tags: text, and short."""
    return {cut(text(key), TAG): cut(text(value), TAG) for key, value in given.items()}


def measurements(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Measurements by names the server takes; a value that is no finite number is left out."""
    kept = {}
    for name, measured in given.items():
        if type(measured) is dict and _is_number(measured.get("value")):
            shown = _NOT_IN_MEASUREMENT.sub("_", text(name))
            unit = _NOT_IN_UNIT.sub("_", text(measured.get("unit") or ""))[:UNIT]
            kept[shown if shown[:1].isalpha() else f"m{shown}"] = {"value": measured["value"], "unit": unit}
    return kept


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and isfinite(value))


def source(given: Any) -> str:
    """Where a name comes from, "custom" where the server does not know the word."""
    return given if type(given) is str and given in SOURCES else "custom"


def origin(given: Any) -> str:
    """Who made a span: "manual" or "auto.category.integration"."""
    return _origin(text(given))


@lru_cache(maxsize=256)
def _origin(given: str) -> str:
    return _NOT_IN_ORIGIN.sub("_", given)[:OP] or "manual"


def _within_bytes(value: str, limit: int) -> str:
    """The start of it that has at most `limit` bytes: so the server counts a release and an environment."""
    return value.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


@lru_cache(maxsize=64)
def release(given: str) -> str | None:
    """A release's name, or `None` when it cannot be one."""
    shown = _within_bytes(_NOT_IN_RELEASE.sub("-", given.strip()), RELEASE)
    return None if shown in ("", ".", "..") else shown


@lru_cache(maxsize=64)
def environment(given: str) -> str | None:
    """An environment's name, or `None` when it cannot be one."""
    shown = _within_bytes(_NOT_IN_RELEASE.sub("-", given.strip()), ENVIRONMENT)
    return None if shown.lower() in ("", ".", "..", "none") else shown


@lru_cache(maxsize=64)
def dist(given: str) -> str | None:
    """A distribution's name, or `None` when nothing is left of it."""
    return _NOT_IN_DIST.sub("-", given.strip())[:DIST] or None


def level(given: Any) -> str | None:
    """A level the server knows, or `None`."""
    return _LEVELS.get(given.lower()) if type(given) is str else None


def user(given: dict[str, Any]) -> dict[str, Any]:
    """A user whose address is an address, whose name and ids are text, and whose data is a mapping.

    What is none goes to the user's `data`.
    """
    for name in _TEXTS_OF_USER:
        if type(given.get(name)) in (bool, int, float):
            given = {**given, name: text(given[name])}
    moved = {name: value for name, value in given.items() if not _is_of_user(name, value)}
    if not moved:
        return given
    kept = {name: value for name, value in given.items() if name not in moved}
    data = kept.get("data", {})
    return {**kept, "data": {**data, **({"value": moved.pop("data")} if "data" in moved else {}), **moved}}


def _is_of_user(name: str, value: Any) -> bool:
    if name in ("id", "username", "email", "name", "segment"):
        return value is None or type(value) in (str, int, bool) or _is_number(value)
    if name == "data":
        return type(value) is dict
    if name != "ip_address" or value is None or value == "{{auto}}":
        return True
    try:
        ip_address(text(value))
    except ValueError:
        return False
    return True


def crumb(given: dict[str, Any]) -> dict[str, Any]:
    """A breadcrumb whose level the server knows."""
    said = given.get("level")
    known = said if said is None else level(said) or "info"
    return given if known is said else {**given, "level": known}
