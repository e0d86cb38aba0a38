"""What the stages noted about removed and shortened values, as the payload's `_meta`."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

__all__ = ["add_meta"]

FILTERED: Final = "[Filtered]"
DEEPEST: Final = 40
_MISSING: Final = object()


def add_meta(payload: dict[str, Any], noted: dict[str, Any]) -> None:
    """Put into `payload` as much of `noted` as still fits: a hook may have changed the event since."""
    fitting = _fitting(noted, payload, 0)
    if not fitting:
        return
    own = payload.get("_meta")
    payload["_meta"] = _merged(own, fitting, 0) if type(own) is dict else fitting


def _fitting(noted: Any, value: Any, depth: int) -> dict[str, Any]:
    if type(noted) is not dict or depth > DEEPEST:
        return {}
    kept: dict[str, Any] = {}
    for name, below in noted.items():
        if name == "":
            if _is_true(below, value):
                kept[""] = below
            continue
        inner = _fitting(below, _at(value, name), depth + 1)
        if inner:
            kept[name] = inner
    return kept


def _at(value: Any, name: str) -> Any:
    if type(value) is dict:
        return value.get(name, _MISSING)
    if type(value) is list:
        return value[int(name)] if name.isdecimal() and int(name) < len(value) else _MISSING
    return getattr(value, name, _MISSING) if isinstance(value, Struct) else _MISSING


def _is_true(remark: Any, value: Any) -> bool:
    """Whether a remark says what is so: something was replaced and it shows, or it is gone."""
    if type(remark) is not dict:
        return False
    kinds = {entry[1] for entry in remark.get("rem", ()) if type(entry) is list and len(entry) > 1}
    if "x" in kinds:
        return True
    if type(value) is not str:
        return False
    return "len" in remark or FILTERED in value or "?" in value


def _merged(own: dict[str, Any], other: dict[str, Any], depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        return own
    made = dict(own)
    for name, below in other.items():
        held = made.get(name)
        made[name] = _merged(held, below, depth + 1) if type(held) is dict and type(below) is dict and name else below
    return made
