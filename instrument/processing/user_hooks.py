"""The user's own last word: `before_send` and `before_send_transaction`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .. import _guard
from ..recording import Event, Span, SuppressBlock, TransactionEvent, plain_mapping, text

__all__ = ["BeforeSend"]

_MAPPINGS: Final = ("tags", "contexts", "extra", "meta")
_OPTIONAL: Final = ("user", "request")


class BeforeSend:
    """Calls the user's hooks. One that raises drops the item, as Sentry's rules for hooks say.

    What a hook captures itself is not recorded, so that a hook cannot feed itself.
    """

    def __init__(
        self, before_send: Callable[..., Any] | None, before_send_transaction: Callable[..., Any] | None
    ) -> None:
        self._hooks = {"error": before_send, "transaction": before_send_transaction}

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event | None:
        """What the hook for this kind of item makes of it."""
        hook = self._hooks[item.kind]
        if hook is None:
            return item
        with SuppressBlock():
            kept = _guard.foreign(hook_name(item), None, hook, item, hint)
        if not isinstance(kept, Event):
            return None
        return _guard.foreign(hook_name(item), None, _in_order, kept)


def hook_name(item: Event) -> str:
    """The option that holds the hook for `item`."""
    return "before_send" if item.kind == "error" else "before_send_transaction"


def _in_order(item: Event) -> Event:
    """The item with the containers that everybody after us relies on, whatever the hook put in their place."""
    for name in _MAPPINGS:
        held = getattr(item, name)
        if type(held) is not dict:
            setattr(item, name, {} if held is None else plain_mapping(held))
    for name in _OPTIONAL:
        held = getattr(item, name)
        if held is not None and type(held) is not dict:
            setattr(item, name, plain_mapping(held))
    item.contexts = {text(name): plain_mapping(context) for name, context in item.contexts.items()}
    item.breadcrumbs = [crumb for crumb in item.breadcrumbs or () if type(crumb) is dict]
    if isinstance(item, TransactionEvent):
        item.name = text(item.name)
        item.spans = [span for span in item.spans or () if isinstance(span, Span)]
    return item
