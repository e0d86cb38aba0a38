"""Names that take too many values become templates, so that what is alike is listed together; and who makes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from .. import _guard
from ..recording import HUB, Event, TransactionEvent
from .templates import PLACE, template_of

__all__ = ["FoldNames"]

MOST_VALUES: Final = 50
MOST_TEMPLATES: Final = 500
REMEMBERED: Final = 2048
ORIGINAL: Final = "unfolded.name"
"""Data that holds what a name was before."""

_OURS: Final = __name__.partition(".")[0]
_FIXED: Final = frozenset({"route", "view", "component", "task"})
"""Sources of names that take few values by themselves."""


class FoldNames:
    """Folds ids in the names of transactions and spans, once a template has had more than 50 different names."""

    def __init__(self) -> None:
        self._settled: set[str] = set()
        """Names without ids, which are as they should be."""
        self._templates: dict[str, str] = {}
        """The templates of names with ids that were seen of late."""
        self._names: dict[str, set[str] | None] = {}
        """The names that a template has had; `None` when there were too many."""

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event:
        """The item with names that do not take ever more values."""
        if not isinstance(item, TransactionEvent):
            return item
        settled = self._settled
        if item.name not in settled and item.source not in _FIXED:
            self._transaction(item)
        last = None
        for span in item.spans:
            description = span.description
            if description is last:
                continue
            if description is None or description in settled:
                last = description
                continue
            folded = self._folded(description, self._watch)
            if folded is not description:
                span.description = folded
                if PLACE in folded:
                    span.data = {**(span.data or {}), ORIGINAL: description}
        return item

    def _transaction(self, item: TransactionEvent) -> None:
        folded = self._folded(item.name, self._warn)
        if folded is item.name:
            return
        if PLACE in folded:
            item.data = {**item.data, ORIGINAL: item.name}
        item.name = folded
        if item.source == "url":
            item.source = "route"
        # What was frozen for other services stays: they have acted on it.

    def _folded(self, name: Any, tell: Callable[[str], None]) -> str:
        if type(name) is not str:
            return str(name)
        template = self._templates.get(name) or template_of(name)
        if template == name:
            if len(self._settled) >= REMEMBERED:
                self._settled.clear()
            self._settled.add(name)
            return name
        if len(self._templates) >= REMEMBERED:
            self._templates.clear()
        self._templates[name] = template
        if template not in self._names:
            if len(self._names) >= MOST_TEMPLATES:
                self._names.pop(next(iter(self._names)))
            self._names[template] = set()
        names = self._names[template]
        if names is None:
            return template
        names.add(name)
        if len(names) <= MOST_VALUES:
            return name
        self._names[template] = None
        tell(template)
        return template

    def _watch(self, template: str) -> None:
        """Have the next span with such a description tell who started it."""
        if HUB.watch is None:
            HUB.watch = _Watch(template).over

    def _warn(self, template: str) -> None:
        _say(template, "transactions", sys._getframe())


class _Watch:
    """Waits for a span whose description fits a template, and names the line that starts it."""

    def __init__(self, template: str) -> None:
        self._template: str | None = template

    def over(self, add: Callable[[Any], None]) -> Callable[[Any], None]:
        """What takes a new span in place of `add`."""

        def watched(span: Any) -> None:
            add(span)
            template, description = self._template, span.description
            if template is None or type(description) is not str:
                return
            if _guard.guarded("name", "", template_of, description) == template:
                self._template = HUB.watch = None
                _say(template, "spans", sys._getframe(1))

        return watched


def _say(template: str, what: str, frame: FrameType | None) -> None:
    place = _guard.guarded("line of a name", "", _program_line, frame)
    _guard.say(
        f"names {template}",
        f"{what} with ids in their names, more than {MOST_VALUES} like {template!r}, are listed under that from now on;"
        f" give them a name without ids, and the ids as data{place}",
    )


def _program_line(frame: FrameType | None) -> str:
    """The innermost line that is the program's own."""
    outermost = ""
    while frame is not None:
        module = frame.f_globals.get("__name__")
        code = frame.f_code
        if type(module) is not str or module.partition(".")[0] != _OURS:
            outermost = outermost or f": {code.co_filename}, line {frame.f_lineno}"
            if HUB.frame_rules.in_app(module if type(module) is str else None, code.co_filename) is not False:
                return f": {code.co_filename}, line {frame.f_lineno}"
        frame = frame.f_back
    return outermost
