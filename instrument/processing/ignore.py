"""What the options say is not worth recording."""

from __future__ import annotations

import re
from typing import Any

from ..recording import Event, TransactionEvent

__all__ = ["IgnoreErrors", "IgnoreTransactions"]


class IgnoreErrors:
    """Drops exceptions of the given classes, or of classes with the given (qualified or plain) names."""

    def __init__(self, ignored: tuple[Any, ...]) -> None:
        self._kinds = tuple(one for one in ignored if isinstance(one, type))
        self._names = {one for one in ignored if isinstance(one, str)}

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event | None:
        """The item, unless it is an ignored exception."""
        raised = hint.get("exc_info")
        if raised is None:
            return item
        kind = raised[0]
        if issubclass(kind, self._kinds):
            return None
        named = {name for base in kind.__mro__ for name in (base.__name__, f"{base.__module__}.{base.__qualname__}")}
        return item if self._names.isdisjoint(named) else None


class IgnoreTransactions:
    """Drops transactions by name: a text is contained in it, a pattern is found in it."""

    def __init__(self, ignored: tuple[str | re.Pattern[str], ...]) -> None:
        self._texts = tuple(one for one in ignored if isinstance(one, str))
        self._patterns = tuple(one for one in ignored if not isinstance(one, str))

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event | None:
        """The item, unless it is an ignored transaction."""
        if not isinstance(item, TransactionEvent):
            return item
        name = item.name[:500]
        if any(text in name for text in self._texts) or any(pattern.search(name) for pattern in self._patterns):
            return None
        return item
