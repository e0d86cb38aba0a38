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
    staying: set[int] = set()
    for group in _groups(spans, staying).values():
        staying.update(map(id, _merge(group) if len(group) > 1 else group))
    return [span for span in spans if id(span) in staying]


def _groups(spans: Sequence[Any], staying: set[int]) -> dict[_Key, list[Any]]:
    """What may be folded, by parent, op and description. The identities of all others are added to `staying`."""
    groups: dict[_Key, list[Any]] = {}
    parents: dict[int, Any] = {}
    group: list[Any] | None = None
    parent = op = description = None
    for span in spans:
        # Most are like the one before them, which spares making a key.
        if span._parent is not parent or span.op is not op or span.description is not description:
            parent, op, description = span._parent, span.op, span.description
            parents[id(parent)] = parent
            key = _key(span)
            group = None if key is None else groups.setdefault(key, [])
        if (
            group is not None
            and span.end_ticks is not None
            and span._id is None
            and (span.status is None or span.status == "ok")
            and not span.measurements
        ):
            group.append(span)
        else:
            staying.add(id(span))
    for key in groups.keys() & {_key(parent) for parent in parents.values()}:
        members = groups[key]
        groups[key] = [span for span in members if id(span) not in parents]
        staying.update(id(span) for span in members if id(span) in parents)
    return groups


def _key(span: Any) -> _Key | None:
    """What similar spans have in common; `None` where the program gave something for a name that is no text."""
    op, description = getattr(span, "op", None), getattr(span, "description", None)
    if (op is None or type(op) is str) and (description is None or type(description) is str):
        return id(getattr(span, "_parent", None)), op, description
    return None


def _merge(group: list[Any]) -> list[Any]:
    """What stays of a group: the slowest, which counts the others, and unusually slow ones if they are few."""
    taken = [span.end_ticks - span.start_ticks for span in group]
    earlier = [_counts(span) for span in group if span.data and _is_folded(span)]
    number = len(group) + sum(count - 1 for count, _, _, _ in earlier)
    total = sum(taken) + sum(more for _, more, _, _ in earlier)
    whole = _take_slow(group, taken, SLOW * total / number)
    number -= len(whole)
    total -= sum(span.end_ticks - span.start_ticks for span in whole)
    longest = max(taken)
    slowest = group[taken.index(longest)]
    least = min(min(taken), *(low for _, _, low, _ in earlier)) if earlier else min(taken)
    most = max(longest, *(high for _, _, _, high in earlier)) if earlier else longest
    data = {key: value for key, value in (slowest.data or {}).items() if key not in FOLDED}
    data.update(zip(FOLDED, (number, total / 1e9, least / 1e9, most / 1e9), strict=True))
    slowest.data = data
    return [slowest, *whole]


def _take_slow(group: list[Any], taken: list[int], limit: float) -> list[Any]:
    """Take the few out of a group that took unusually long, and their nanoseconds out of `taken`."""
    if max(taken) <= limit:
        return []
    slow = [at for at, ticks in enumerate(taken) if ticks > limit and not _is_folded(group[at])]
    if not 0 < len(slow) <= KEPT_WHOLE or len(slow) >= len(group) - 1:
        return []
    for at in reversed(slow):
        del taken[at]
    return [group.pop(at) for at in reversed(slow)]


def _is_folded(span: Any) -> bool:
    return bool(span.data) and FOLDED[0] in span.data


def _counts(span: Any) -> tuple[int, int, int, int]:
    """How many spans a folded one stands for; their nanoseconds in sum beyond its own, at least and at most."""
    count, *seconds = (span.data[key] for key in FOLDED)
    total, least, most = (round(one * 1e9) for one in seconds)
    return count, total - (span.end_ticks - span.start_ticks), least, most
