"""A transaction with more spans than the server takes at once: the others follow as later parts of the same trace.

A later part looks like a span that finished after its transaction: an event of its own, under its true parent.
"""

from __future__ import annotations

from typing import Any, Final

from . import limits
from .json import encode
from .shrink import REMOVED, encode_within, trim_spans

__all__ = ["in_parts", "part_id"]

HEAD_SHARE: Final = 0.5
"""How much of an event may be other things than spans."""
SLACK: Final = 4096
"""Bytes that an event takes beside its spans and what it shares with the other parts."""

_SHARED: Final = ("platform", "user", "release", "environment", "dist", "server_name", "sdk")
_OF_TRACE: Final = ("trace_id", "span_id", "parent_span_id", "op", "description", "status", "origin", "data")
_OF_ROOT: Final = frozenset({"trace", "response"})


def part_id(event_id: str, number: int) -> str:
    """The id of a part, the first of which is number 0: those of all parts follow on one another."""
    return f"{int(event_id, 16) + number & (1 << 128) - 1:032x}" if number else event_id


def in_parts(payload: dict[str, Any], budget: int) -> list[tuple[int, bytes]]:
    """A transaction as events of at most `budget` bytes, and how many spans each has, its root included.

    Spans that are large themselves lose data, and none is lost.
    """
    spans = payload["spans"]
    encoded = trim_spans(payload, budget)
    if len(encoded) <= budget:
        return [(len(spans) + 1, encoded)]
    head = {**payload, "spans": []}
    remark = {"rem": REMOVED["rem"], "len": len(spans)}
    head["_meta"] = {**head.get("_meta", {}), "spans": {"": remark}}
    room = budget - len(encode_within(head, int(budget * HEAD_SHARE))) - SLACK
    shared: dict[str, Any] = {name: head[name] for name in _SHARED if name in head}
    shared["contexts"] = {name: value for name, value in head["contexts"].items() if name not in _OF_ROOT}
    groups = _grouped(spans, room, budget - len(encode(shared)) - SLACK)
    head["spans"] = groups[0]
    made = [(len(groups[0]) + 1, encode(head))]
    for number, group in enumerate(groups[1:], 1):
        shared["event_id"] = part_id(payload["event_id"], number)
        made.append((len(group), encode(_later_part(shared, group))))
    return made


def _grouped(spans: list[Any], first: int, later: int) -> list[list[Any]]:
    """The spans in their order, so many together as have room."""
    groups: list[list[Any]] = [[]]
    room = first
    for span in spans:
        size = len(encode({"": [span]}))
        if size > room:
            groups.append([])
            room = later
        groups[-1].append(span)
        room -= size
    return groups


def _later_part(shared: dict[str, Any], spans: list[Any]) -> dict[str, Any]:
    root = spans[0]
    trace = {name: getattr(root, name) for name in _OF_TRACE if getattr(root, name) is not None}
    name = (root.description or root.op or "").strip() or "<unlabeled span>"
    part: dict[str, Any] = {
        **shared,
        "type": "transaction",
        "transaction": limits.cut(name, limits.NAME),
        "transaction_info": {"source": "custom"},
        "start_timestamp": root.start_timestamp,
        "timestamp": root.timestamp,
        "contexts": {**shared["contexts"], "trace": trace},
        "measurements": root.measurements or {},
        "spans": spans[1:],
    }
    if root.tags:
        part["tags"] = limits.tags(root.tags)
    return part
