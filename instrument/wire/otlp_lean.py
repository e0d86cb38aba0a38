"""What is left of a request of OTLP that a receiver finds too large: the same spans without their largest attributes.

The numbers of fields are those of `otlp_protobuf`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from .json import encode
from .otlp_protobuf import field, fields, varint

__all__ = ["lean_json", "lean_protobuf"]

SHARE: Final = 0.5
"""How much of its size a request is to keep."""
SPARED: Final = {"attributes": "droppedAttributesCount", "events": "droppedEventsCount"}
"""What a span can do without, and where it says of how many it does."""
SPARED_FIELDS: Final = {9: 10, 11: 12}
"""The same as numbers of fields."""
EVENTS: Final = 11
SPANS: Final = (1, 2, 2)
"""The fields that lead from a request to its spans."""

Place = tuple[int, int | str, int]
"""Which span, which of its fields, which position there."""
Part = tuple[bool, int, Place]
"""Whether it is the last event of its span, how many bytes it has, and where it is."""


def lean_json(record: bytes) -> bytes | None:
    """The request at about half its size; `None` when it cannot be made smaller."""
    try:
        request = msgspec.json.decode(record)
        spans = [span for one in request["resourceSpans"] for scoped in one["scopeSpans"] for span in scoped["spans"]]
        chosen = _largest(_parts_of_json(spans), len(record))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # not as we write it
    for at, span in enumerate(spans):
        for name, counter in SPARED.items():
            given = span.pop(name, [])
            kept = [one for place, one in enumerate(given) if (at, name, place) not in chosen]
            if kept:
                span[name] = kept
            if len(kept) < len(given):
                span[counter] = span.get(counter, 0) + len(given) - len(kept)
    smaller = encode(request)
    return smaller if len(smaller) < len(record) else None


def lean_protobuf(record: bytes) -> bytes | None:
    """The request at about half its size; `None` when it cannot be made smaller."""
    try:
        spans = list(_messages(record, SPANS))
        chosen = _largest(_parts_of_protobuf(spans), len(record))
        smaller = _rewritten(record, SPANS, (_without(chosen, at, span) for at, span in enumerate(spans)))
    except ValueError:
        return None  # not as we write it
    return smaller if len(smaller) < len(record) else None


def _largest(parts: Iterable[Part], size: int) -> set[Place]:
    """What is to go, the largest first. The last event of a span goes last of all: it may be an exception."""
    surplus = size * (1 - SHARE)
    chosen: set[Place] = set()
    for _, length, place in sorted(parts, key=lambda part: (part[0], -part[1])):
        if surplus <= 0:
            break
        surplus -= length
        chosen.add(place)
    return chosen


def _parts_of_json(spans: list[dict[str, Any]]) -> Iterator[Part]:
    for at, span in enumerate(spans):
        for name in SPARED:
            given = span.get(name, [])
            for place, one in enumerate(given):
                yield name == "events" and one is given[-1], len(encode(one)), (at, name, place)


def _parts_of_protobuf(spans: list[bytes]) -> Iterator[Part]:
    for at, span in enumerate(spans):
        found = fields(span)
        last = max((place for place, (number, _, _) in enumerate(found) if number == EVENTS), default=-1)
        for place, (number, _, raw) in enumerate(found):
            if number in SPARED_FIELDS:
                yield place == last, len(raw), (at, number, place)


def _without(chosen: set[Place], at: int, span: bytes) -> bytes:
    """The span at this position without what was chosen of it, which it counts."""
    counts = dict.fromkeys(SPARED_FIELDS.values(), 0)
    kept = []
    for place, (number, value, raw) in enumerate(fields(span)):
        if number in counts and isinstance(value, int):
            counts[number] += value
        elif (at, number, place) in chosen:
            counts[SPARED_FIELDS[number]] += 1
        else:
            kept.append(raw)
    return b"".join([*kept, *(varint(number << 3) + varint(count) for number, count in counts.items() if count)])


def _messages(message: bytes, path: tuple[int, ...]) -> Iterator[bytes]:
    """The messages that the fields of `path` lead to."""
    if not path:
        yield message
        return
    for number, value, _ in fields(message):
        if number == path[0] and isinstance(value, bytes):
            yield from _messages(value, path[1:])


def _rewritten(message: bytes, path: tuple[int, ...], others: Iterator[bytes]) -> bytes:
    """The message with others in place of those that the fields of `path` lead to."""
    if not path:
        return next(others)
    tag = varint(path[0] << 3 | 2)
    return b"".join(
        field(tag, _rewritten(value, path[1:], others)) if number == path[0] and isinstance(value, bytes) else raw
        for number, value, raw in fields(message)
    )
