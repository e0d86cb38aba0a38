"""Events that are too large lose what matters least, and say so in `_meta`.

A step puts new containers in the payload and leaves the event's own alone: other destinations read them too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .json import encode

__all__ = ["BUDGET_BYTES", "REMOVED", "encode_within", "note", "trim_spans"]

BUDGET_BYTES: Final = 1_000_000
"""The server takes 1 MiB."""

LARGE: Final = 1024
"""So many bytes of a span's data, or characters of its description, are many where there are many spans."""
_KEPT_CRUMBS: Final = 10

REMOVED: Final = {"rem": [["!limit", "x"]]}


def encode_within(payload: dict[str, Any], budget: int = BUDGET_BYTES) -> bytes:
    """The payload as JSON of at most `budget` bytes. Its spans are left alone."""
    encoded = encode(payload)
    for step in _STEPS:
        if len(encoded) <= budget:
            break
        step(payload)
        encoded = encode(payload)
    return encoded


def trim_spans(payload: dict[str, Any], budget: int) -> bytes:
    """The payload as JSON, of at most `budget` bytes if that can be reached by what is large of its spans."""
    encoded = b""
    for trim in (_drop_large_data, _cut_long_descriptions):
        if trim(payload["spans"]):
            note(payload, ("spans",), REMOVED)
        encoded = encode(payload)
        if len(encoded) <= budget:
            break
    return encoded


def note(payload: dict[str, Any], path: tuple[str | int, ...], remark: dict[str, Any]) -> None:
    """Annotate the value at `path` in the payload's `_meta`."""
    node = payload.setdefault("_meta", {})
    for step in path:
        node = node.setdefault(str(step), {})
    node[""] = remark


def _drop(payload: dict[str, Any], *path: str) -> None:
    """Take the value at `path` out of the payload, on copies of the containers above it."""
    node = payload
    for name in path[:-1]:
        below = node.get(name)
        if type(below) is not dict:
            return
        node[name] = node = dict(below)
    if node.pop(path[-1], None):
        note(payload, path, REMOVED)


def _drop_in_frames(payload: dict[str, Any], *names: str) -> None:
    for field in ("exception", "threads"):
        values = payload.get(field, {}).get("values", [])
        kept = []
        for position, value in enumerate(values):
            frames = value.get("stacktrace", {}).get("frames")
            if frames:
                for at, frame in enumerate(frames):
                    if "vars" in names and frame.get("vars"):
                        note(payload, (field, "values", position, "stacktrace", "frames", at, "vars"), REMOVED)
                slim = [{name: item for name, item in frame.items() if name not in names} for frame in frames]
                value = {**value, "stacktrace": {**value["stacktrace"], "frames": slim}}
            kept.append(value)
        if values:
            payload[field] = {"values": kept}


def _drop_variables(payload: dict[str, Any]) -> None:
    _drop_in_frames(payload, "vars")


def _drop_old_crumbs(payload: dict[str, Any]) -> None:
    crumbs = payload.get("breadcrumbs", {}).get("values", [])
    if len(crumbs) > _KEPT_CRUMBS:
        payload["breadcrumbs"] = {"values": crumbs[-_KEPT_CRUMBS:]}
        note(payload, ("breadcrumbs", "values"), {"len": len(crumbs), **REMOVED})


def _drop_large_data(spans: list[Any]) -> bool:
    """Whether there was any."""
    found = False
    for span in spans:
        for name in ("data", "tags", "measurements"):
            held = getattr(span, name)
            if held is not None and len(encode(held)) > LARGE:
                setattr(span, name, None)
                found = True
    return found


def _cut_long_descriptions(spans: list[Any]) -> bool:
    """Whether there was any."""
    found = False
    for span in spans:
        if span.description is not None and len(span.description) > LARGE:
            span.description = span.description[: LARGE - 3] + "..."
            found = True
    return found


def _drop_extra(payload: dict[str, Any]) -> None:
    _drop(payload, "extra")
    _drop(payload, "request", "data")


def _drop_contexts(payload: dict[str, Any]) -> None:
    for name in list(payload.get("contexts", ())):
        if name != "trace":
            _drop(payload, "contexts", name)
    _drop(payload, "contexts", "trace", "data")
    _drop(payload, "breadcrumbs")


def _drop_source(payload: dict[str, Any]) -> None:
    _drop_in_frames(payload, "vars", "pre_context", "post_context")


_ESSENTIAL: Final = frozenset(
    {
        "type",
        "event_id",
        "platform",
        "level",
        "timestamp",
        "start_timestamp",
        "transaction",
        "transaction_info",
        "contexts",
        "spans",
        "exception",
        "message",
        "logentry",
        "release",
        "environment",
        "dist",
        "server_name",
        "sdk",
        "_meta",
    }
)


def _drop_all_but_essentials(payload: dict[str, Any]) -> None:
    for name in list(payload):
        if name not in _ESSENTIAL:
            _drop(payload, name)
    values = payload.get("exception", {}).get("values", [])
    if values:
        payload["exception"] = {"values": [{**value, "value": str(value.get("value"))[:1024]} for value in values]}


_STEPS: Final[tuple[Callable[[dict[str, Any]], None], ...]] = (
    _drop_variables,
    _drop_old_crumbs,
    _drop_extra,
    _drop_contexts,
    _drop_source,
    _drop_all_but_essentials,
)
