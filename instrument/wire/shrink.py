"""Events that are too large lose what matters least, and say so in `_meta`.

A step puts new containers in the payload and leaves the event's own alone: other destinations read them too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .json import encode

__all__ = ["BUDGET_BYTES", "encode_within", "note"]

BUDGET_BYTES: Final = 1_000_000
"""The server takes 1 MiB."""

_LARGE_DATA_BYTES: Final = 1024
_KEPT_CRUMBS: Final = 10

REMOVED: Final = {"rem": [["!limit", "x"]]}


def encode_within(payload: dict[str, Any], budget: int = BUDGET_BYTES) -> bytes:
    """The payload as JSON of at most `budget` bytes."""
    encoded = encode(payload)
    for step in _STEPS:
        if len(encoded) <= budget:
            break
        step(payload)
        encoded = encode(payload)
    if len(encoded) > budget and payload.get("spans"):
        _cut_spans(payload, len(encoded) - budget)
        encoded = encode(payload)
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


def _drop_large_span_data(payload: dict[str, Any]) -> None:
    for position, span in enumerate(payload.get("spans", ())):
        if span.data is not None and len(encode(span.data)) > _LARGE_DATA_BYTES:
            span.data = None
            note(payload, ("spans", position, "data"), REMOVED)


def _drop_extra(payload: dict[str, Any]) -> None:
    _drop(payload, "extra")
    _drop(payload, "request", "data")


def _drop_span_data(payload: dict[str, Any]) -> None:
    for position, span in enumerate(payload.get("spans", ())):
        if span.data is not None or span.tags is not None:
            span.data = span.tags = None
            note(payload, ("spans", position, "data"), REMOVED)


def _drop_contexts(payload: dict[str, Any]) -> None:
    for name in list(payload.get("contexts", ())):
        if name != "trace":
            _drop(payload, "contexts", name)
    _drop(payload, "contexts", "trace", "data")
    _drop(payload, "breadcrumbs")


def _shorten_descriptions(payload: dict[str, Any], limit: int = 200) -> None:
    for position, span in enumerate(payload.get("spans", ())):
        said = span.description
        if said is not None and len(said) > limit:
            span.description = said[: limit - 3] + "..."
            note(payload, ("spans", position, "description"), {"rem": [["!limit", "s", limit - 3, limit]]})


def _shorten_them_more(payload: dict[str, Any]) -> None:
    _shorten_descriptions(payload, 50)


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


def _cut_spans(payload: dict[str, Any], excess: int) -> None:
    """The last resort, for more spans than the server takes: the last ones go."""
    spans = payload["spans"]
    while spans and excess > 0:
        fewer = spans[: int(len(spans) * 0.9)]
        excess -= len(encode(spans)) - len(encode(fewer))
        spans = fewer
    note(payload, ("spans",), {"len": len(payload["spans"]), **REMOVED})
    payload["spans"] = spans


_STEPS: Final[tuple[Callable[[dict[str, Any]], None], ...]] = (
    _drop_variables,
    _drop_old_crumbs,
    _drop_large_span_data,
    _drop_extra,
    _drop_span_data,
    _drop_contexts,
    _shorten_descriptions,
    _shorten_them_more,
    _drop_source,
    _drop_all_but_essentials,
)
