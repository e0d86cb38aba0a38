"""Breadcrumbs: what happened before an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import _clock
from .values import ITEMS, plain, text

__all__ = ["breadcrumb"]

_TEXTS = ("type", "category", "level", "message")


def breadcrumb(crumb: Mapping[str, Any] | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A crumb as plain data: `fields` over `crumb`, with the time and type filled in."""
    given = fields if crumb is None else {**_entries(crumb), **fields}
    made: dict[str, Any] = {"timestamp": _clock.wall() / 1e9, "type": "default"}
    for key, value in given.items():
        if value is not None:
            made[text(key)] = text(value) if key in _TEXTS else plain(value)
    return made


def _entries(crumb: Any) -> dict[Any, Any]:
    """What a program gave for a crumb, as a dict of bounded size; what is no mapping is its message."""
    if type(crumb) is dict and len(crumb) <= ITEMS:
        return crumb
    shown = plain(crumb)
    return shown if type(shown) is dict else {"message": shown}
