"""What the options say is not worth recording."""

from __future__ import annotations

import re
from typing import Any, Final

from ..recording import Event, TransactionEvent

__all__ = ["IgnoreErrors", "IgnoreTransactions"]

LONGEST: Final = 500
"""Characters of a name that are looked at."""
REMEMBERED: Final = 1024

_lineage_of, _module_of, _name_of, _qualname_of = (
    vars(type)[name].__get__ for name in ("__mro__", "__module__", "__name__", "__qualname__")
)


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
        return item if not self._names or self._names.isdisjoint(_names_of(kind)) else None


def _names_of(kind: type) -> set[str]:
    """What a class and those before it are called, plain and qualified, without asking a metaclass."""
    named = set()
    for base in _lineage_of(kind):
        module, name = _module_of(base), str.__str__(_qualname_of(base))
        named |= {str.__str__(_name_of(base)), f"{module}.{name}" if type(module) is str else name}
    return named


class IgnoreTransactions:
    """Drops transactions by name: a text is contained in it, a pattern is found in it."""

    def __init__(self, ignored: tuple[str | re.Pattern[str], ...]) -> None:
        self._texts = tuple(one for one in ignored if isinstance(one, str))
        self._patterns = tuple(one for one in ignored if not isinstance(one, str))
        self._kept: set[str] = set()
        """Short names that are not ignored: the same ones come again and again."""

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event | None:
        """The item, unless it is an ignored transaction."""
        if not isinstance(item, TransactionEvent) or item.name in self._kept:
            return item
        name = item.name[:LONGEST]
        if any(text in name for text in self._texts) or any(pattern.search(name) for pattern in self._patterns):
            return None
        if len(name) < LONGEST:
            if len(self._kept) >= REMEMBERED:
                self._kept.clear()
            self._kept.add(name)
        return item
