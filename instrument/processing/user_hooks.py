"""The user's own last word: `before_send` and `before_send_transaction`."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from .. import _guard
from ..recording import Event, Span, SuppressBlock, TransactionEvent, plain_mapping, text

__all__ = ["BeforeSend"]

_MAPPINGS: Final = ("tags", "contexts", "extra", "meta", "data", "measurements", "modules", "other")
_OPTIONAL: Final = ("user", "request", "sdk", "logentry", "dynamic_sampling_context")
_LISTS: Final = ("breadcrumbs", "exceptions", "threads")
_TEXTS: Final = (
    *("level", "release", "environment", "dist", "server_name", "message", "logger", "transaction"),
    *("transaction_source", "op", "description", "status", "tracestate"),
)
_NAMES: Final = ("name", "source", "origin")
_IDS: Final = {"event_id": 32, "trace_id": 32, "span_id": 16, "parent_span_id": 16}
_TIMES: Final = ("time", "end", "epoch")
_HEX: Final = re.compile("[0-9a-f]+")
_LATEST: Final = 253_402_300_800_000_000_000


class BeforeSend:
    """Calls a hook of the user's. One that raises drops the item, as Sentry's rules for hooks say.

    What a hook captures itself is not recorded, so that a hook cannot feed itself.
    """

    def __init__(self, hook: Callable[..., Any]) -> None:
        self._hook = hook

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event | None:
        """What the hook makes of the item."""
        former = {name: getattr(item, name) for name in (*_IDS, *_TIMES) if hasattr(item, name)}
        with SuppressBlock():
            kept = _guard.foreign(hook_name(item), None, self._hook, item, hint)
        # Asked of its type: an object may lie about its class, or fail.
        if kept is None or not issubclass(type(kept), Event) or kept.kind != item.kind:
            return None
        return _guard.foreign(hook_name(item), None, _in_order, kept, former)


def hook_name(item: Event) -> str:
    """The option that holds the hook for `item`."""
    return "before_send" if item.kind == "error" else "before_send_transaction"


def _in_order(item: Event, former: dict[str, Any]) -> Event:
    """The item as everybody after us relies on it, whatever the hook put in the place of what was there."""
    for name, before in former.items():
        held = getattr(item, name)
        if not (_is_id(held, _IDS[name]) if name in _IDS else type(held) is int and 0 <= held < _LATEST):
            # The time of a span is counted from `epoch`, which may be anything that recording found.
            setattr(item, name, held if held is before else before)
    for name in _held(item, _MAPPINGS):
        held = getattr(item, name)
        if type(held) is not dict:
            setattr(item, name, {} if held is None else plain_mapping(held))
    for name in _held(item, _OPTIONAL):
        held = getattr(item, name)
        if held is not None and type(held) is not dict:
            setattr(item, name, plain_mapping(held))
    for name in _held(item, _LISTS):
        setattr(item, name, [one for one in _listed(getattr(item, name)) if type(one) is dict])
    for name in _held(item, _TEXTS):
        held = getattr(item, name)
        if held is not None and type(held) is not str:
            setattr(item, name, text(held))
    for name in _held(item, _NAMES):
        setattr(item, name, text(getattr(item, name)))
    said = getattr(item, "logentry", None)
    if said is not None and type(said.get("message")) is not str and type(said.get("formatted")) is not str:
        item.logentry = {"formatted": text(said)}  # type: ignore[attr-defined]  # the server takes none without text
    if item.fingerprint is not None:
        item.fingerprint = [text(part) for part in _listed(item.fingerprint)]
    item.contexts = {text(name): plain_mapping(context) for name, context in item.contexts.items()}
    if isinstance(item, TransactionEvent):
        item.spans = [span for span in _listed(item.spans) if issubclass(type(span), Span)]
        item.measurements = {text(name): one for name, one in item.measurements.items() if type(one) is dict}
    return item


def _held(item: Event, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if hasattr(item, name)]


def _is_id(held: Any, length: int) -> bool:
    return type(held) is str and len(held) == length and _HEX.fullmatch(held) is not None


def _listed(held: Any) -> list[Any]:
    """What a list holds, or something like it; a stranger's object may go on for ever."""
    return list(held) if type(held) in (list, tuple, deque) else []
