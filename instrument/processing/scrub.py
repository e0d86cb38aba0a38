"""Secrets out and values within bounds, before anything is written to disk or sent: one walk for both."""

from __future__ import annotations

from typing import Any, Final

from ..options import Options
from ..recording import ErrorEvent, Event, Span, TransactionEvent
from .cleaning import Cleaning
from .rules import Rules

__all__ = ["Scrub"]

_TEXTS_OF_ERROR: Final = ("message", "transaction", "logger")
_OWN_TEXTS: Final = ("release", "environment", "dist", "server_name")
"""What a program may say in an event of its own; else it is the options' and cleaned once."""
_KNOWN_SOURCES: Final = frozenset({"custom", "url", "route", "view", "component", "task"})


class Scrub:
    """Replaces secrets by `[Filtered]`: what stands under a secret's name, and what has the shape of one.

    What was replaced is noted in the item's `meta`, with the rule that did it.
    """

    def __init__(self, options: Options) -> None:
        self._rules = Rules(options)
        own = {name: getattr(options, name) for name in ("release", "environment")}
        self._travels = ("transaction", *(name for name, shown in self.constant(own).items() if shown != own[name]))
        """What a text of the program may be in the context that a trace carries."""

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event:
        """The item without its secrets. Keys stay, so that one sees that there was something."""
        cleaning = Cleaning(self._rules, item.meta)
        if item.tags:
            item.tags = cleaning.mapping_at(("tags",), item.tags)
        if item.contexts:
            item.contexts = cleaning.mapping_at(("contexts",), item.contexts)
        if item.extra:
            item.extra = cleaning.mapping_at(("extra",), item.extra)
        if item.user is not None:
            item.user = cleaning.mapping_at(("user",), item.user)
        if item.request is not None:
            item.request = cleaning.request(item.request)
        if item.breadcrumbs:
            item.breadcrumbs = cleaning.breadcrumbs(item.breadcrumbs)
        if item.fingerprint:
            item.fingerprint = cleaning.list_at(("fingerprint",), item.fingerprint)
        frozen = item.dynamic_sampling_context
        if frozen:
            for name in self._travels:
                said = frozen.get(name)
                # It goes into the envelope's header, which has no `_meta`.
                shown = cleaning.text_alone(said) if said is not None else None
                if shown is not None and shown is not said:
                    frozen = item.dynamic_sampling_context = {**frozen, name: shown}
        if isinstance(item, TransactionEvent):
            self._transaction(item, cleaning)
        elif isinstance(item, ErrorEvent):
            if item.op is not None:
                item.op = cleaning.text_alone(item.op)
            _error(item, cleaning)
        return item

    def text(self, given: str) -> str:
        """A text without its secrets."""
        return given if given in self._rules.texts.clean else Cleaning(self._rules, {}).text_alone(given)

    def constant(self, given: dict[str, Any]) -> dict[str, Any]:
        """What is the same in every item, without its secrets."""
        made: dict[str, Any] = Cleaning(self._rules, {}).mapping_at((), given)
        return made

    def _transaction(self, item: TransactionEvent, cleaning: Cleaning) -> None:
        item.name = cleaning.text_at(("transaction",), item.name)
        if item.source not in _KNOWN_SOURCES:
            item.source = cleaning.text_alone(item.source)
        if item.measurements:
            item.measurements = _measurements(item.measurements, cleaning)
        if item.data:
            item.data = cleaning.mapping_at(("contexts", "trace", "data"), item.data)
        if item.description is not None:
            item.description = cleaning.text_at(("contexts", "trace", "description"), item.description)
        if item.op is not None:
            item.op = cleaning.text_alone(item.op)
        if item.status is not None:
            item.status = cleaning.text_alone(item.status)
        if item.spans:
            self._spans(item.spans, cleaning)

    def _spans(self, spans: list[Span], cleaning: Cleaning) -> None:
        known = self._rules.descriptions
        # The op and the description of the span before, if there is nothing to hide in them: most have the same.
        clean_op: Any = None
        clean_description: Any = None
        for position, span in enumerate(spans):
            op: Any = span.op
            if op is not clean_op and op is not None:
                if type(op) is str and op in known:
                    clean_op = op
                else:
                    span.op = self._word(cleaning, op)
            if span.status is not None:
                span.status = self._word(cleaning, span.status)
            description: Any = span.description
            if description is not clean_description and description is not None:
                if type(description) is str and description in known:
                    clean_description = description
                else:
                    span.description = self._description(cleaning, position, span)
            if span.data or span.tags:
                cleaning.span(position, span)
            if span.measurements:
                span.measurements = _measurements(span.measurements, cleaning)

    def _word(self, cleaning: Cleaning, given: Any) -> str:
        """An op or a status: a program may give anything for one."""
        if type(given) is str and given in self._rules.descriptions:
            return given
        made = cleaning.text_alone(given)
        if made is given:
            self._rules.remember_description(made)
        return made

    def _description(self, cleaning: Cleaning, position: int, span: Span) -> str:
        path = ("spans", position, "description")
        description: Any = span.description
        op: Any = span.op
        if type(description) is str and type(op) is str and (op == "db" or op.startswith("db.")):
            made = cleaning.statement_at(path, description)
        else:
            made = cleaning.text_at(path, description)
        if made is description:
            self._rules.remember_description(made)
        return made


def _measurements(given: dict[str, Any], cleaning: Cleaning) -> dict[str, Any]:
    """Measurements: their names and units. The numbers stay, however much they look like a card's."""
    made = {}
    for name, measured in given.items():
        unit = measured.get("unit") if type(measured) is dict else None
        made[cleaning.text_alone(name)] = {**measured, "unit": cleaning.text_alone(unit)} if unit else measured
    return made


def _error(item: ErrorEvent, cleaning: Cleaning) -> None:
    for name in _TEXTS_OF_ERROR:
        said = getattr(item, name)
        if said is not None:
            setattr(item, name, cleaning.text_at((name,), said))
    if item.logentry is not None:
        item.logentry = cleaning.log_entry(item.logentry)
    for name in _OWN_TEXTS:
        said = getattr(item, name)
        if said is not None:
            setattr(item, name, cleaning.text_at((name,), said))
    if item.transaction_source is not None:
        item.transaction_source = cleaning.text_alone(item.transaction_source)
    if item.modules:
        item.modules = cleaning.mapping_at(("modules",), item.modules)
    if item.sdk:
        item.sdk = cleaning.mapping_at(("sdk",), item.sdk)
    item.exceptions = cleaning.list_at(("exception", "values"), item.exceptions)
    item.threads = cleaning.list_at(("threads", "values"), item.threads)
    if item.other:
        item.other = cleaning.mapping_at((), item.other)
