"""What is left of an envelope that a server finds too large: the same event without its largest attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from .json import encode
from .shrink import note

__all__ = ["lean_envelope"]

SHARE: Final = 0.5
"""How much of its size the event is to keep."""
OF_EVENT: Final = ("breadcrumbs", "extra", "modules", "request", "threads", "user", "tags", "measurements")
OF_SPAN: Final = ("data", "tags", "measurements")
OF_FRAME: Final = ("vars", "pre_context", "post_context")

Place = tuple[dict[str, Any], str, tuple[str | int, ...]]
"""What holds an attribute, its name, and the path in the event of what holds it."""


def lean_envelope(record: bytes) -> bytes | None:
    """The envelope of one event at about half its size; `None` when it cannot be made smaller."""
    try:
        headers, item, payload = record.split(b"\n", 2)
        event, about = msgspec.json.decode(payload), msgspec.json.decode(item)
        places = list(_places(event))
    except (ValueError, AttributeError, TypeError):
        return None  # not an event as we write it
    sized = [(len(encode(holder[name])), holder, name, path) for holder, name, path in places]
    surplus = len(payload) * (1 - SHARE)
    for size, holder, name, path in sorted(sized, key=lambda place: -place[0]):
        if surplus <= 0:
            break
        surplus -= size
        del holder[name]
        note(event, (*path, name), {"rem": [["!limit", "x"]]})
    smaller = encode(event)
    if len(smaller) >= len(payload) - 1:
        return None
    return b"\n".join([headers, encode({**about, "length": len(smaller)}), smaller, b""])


def _places(event: dict[str, Any]) -> Iterator[Place]:
    """Every attribute that an event can do without."""
    yield from ((event, name, ()) for name in OF_EVENT if event.get(name))
    contexts = event.get("contexts", {})
    yield from ((contexts, name, ("contexts",)) for name in contexts if name != "trace")
    if "data" in contexts.get("trace", {}):
        yield contexts["trace"], "data", ("contexts", "trace")
    for position, span in enumerate(event.get("spans", ())):
        yield from ((span, name, ("spans", position)) for name in OF_SPAN if name in span)
    for field in ("exception", "threads"):
        for at, value in enumerate(event.get(field, {}).get("values", ())):
            for number, frame in enumerate((value.get("stacktrace") or {}).get("frames", ())):
                path = (field, "values", at, "stacktrace", "frames", number)
                yield from ((frame, name, path) for name in OF_FRAME if name in frame)
