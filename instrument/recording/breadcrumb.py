"""Breadcrumbs: what happened before an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import _clock
from .values import plain, text

__all__ = ["breadcrumb"]

_TEXTS = ("type", "category", "level", "message")


def breadcrumb(crumb: Mapping[str, Any] | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A crumb as plain data: `fields` over `crumb`, with the time and type filled in."""
    given = {**(crumb or {}), **fields}
    made: dict[str, Any] = {"timestamp": _clock.wall() / 1e9, "type": "default"}
    for key, value in given.items():
        if value is not None:
            made[text(key)] = text(value) if key in _TEXTS else plain(value)
    return made
