"""Folding: runs of small similar spans become one, so that a transaction may have any number of them.

Similar are finished siblings with the same op and description that went well, have no children and whose id nobody has
seen. The slowest of them stays and counts the others; a failed or an unusually slow one is kept whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["FOLDED", "fold"]

FOLDED = ("folded.count", "folded.sum", "folded.min", "folded.max")
"""Data of a span that stands for several: how many, and their seconds in sum, at least and at most."""

SLOW = 10
"""A span that takes so many times the mean of its like is kept whole, as long as there are few of them."""
KEPT_WHOLE = 5

_Key = tuple[int, Any, Any]


def fold(spans: Sequence[Any]) -> list[Any]:
    """The spans that stay, in their order: what is alone, unfinished, named or failed, and one for each group."""
    parents = {id(span._parent) for span in spans}
    groups: dict[_Key, list[Any]] = {}
    for span in spans:
        if _may_fold(span, parents):
            groups.setdefault((id(span._parent), span.op, span.description), []).append(span)
    gone: set[int] = set()
    for group in groups.values():
        if len(group) > 1:
            gone.update(map(id, _merge(group)))
    return [span for span in spans if id(span) not in gone]


def _may_fold(span: Any, parents: set[int]) -> bool:
    return (
        span.end_ticks is not None
        and span._id is None
        and span.status in (None, "ok")
        and not span.measurements
        and id(span) not in parents
    )


def _merge(group: list[Any]) -> list[Any]:
    """Let the slowest of a group stand for it; the others, but for a few unusually slow ones, are returned."""
    counts = [_counts(span) for span in group]
    mean = sum(total for _, total, _, _ in counts) / sum(count for count, _, _, _ in counts)
    slow = [span for span in group if span.end_ticks - span.start_ticks > SLOW * mean and not _is_folded(span)]
    if 0 < len(slow) <= KEPT_WHOLE and len(slow) < len(group) - 1:
        whole = set(map(id, slow))
        group = [span for span in group if id(span) not in whole]
        counts = [_counts(span) for span in group]
    slowest = max(group, key=lambda span: span.end_ticks - span.start_ticks)
    number, total, least, most = map(list, zip(*counts, strict=True))
    data = {key: value for key, value in (slowest.data or {}).items() if key not in FOLDED}
    data.update(zip(FOLDED, (sum(number), sum(total) / 1e9, min(least) / 1e9, max(most) / 1e9), strict=True))
    slowest.data = data
    return [span for span in group if span is not slowest]


def _is_folded(span: Any) -> bool:
    return bool(span.data) and FOLDED[0] in span.data


def _counts(span: Any) -> tuple[int, int, int, int]:
    """How many spans it stands for, and their nanoseconds in sum, at least and at most."""
    data = span.data
    if data and FOLDED[0] in data:
        count, total, least, most = (data[key] for key in FOLDED)
        return count, round(total * 1e9), round(least * 1e9), round(most * 1e9)
    taken = span.end_ticks - span.start_ticks
    return 1, taken, taken, taken
