"""The user's own last word: `before_send` and `before_send_transaction`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _guard
from ..recording import Event, SuppressBlock

__all__ = ["BeforeSend"]


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
        return kept if isinstance(kept, Event) else None


def hook_name(item: Event) -> str:
    """The option that holds the hook for `item`."""
    return "before_send" if item.kind == "error" else "before_send_transaction"
