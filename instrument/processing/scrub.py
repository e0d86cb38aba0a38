"""Secrets out and values within bounds, before anything is written to disk or sent: one walk for both."""

from __future__ import annotations

from typing import Any, Final

from ..options import Options
from ..recording import ErrorEvent, Event, Span, TransactionEvent
from .cleaning import Cleaning, Rules

__all__ = ["Scrub"]

_TEXTS_OF_ERROR: Final = ("message", "transaction")


class Scrub:
    """Replaces secrets by `[Filtered]`: what stands under a secret's name, and what has the shape of one.

    What was replaced is noted in the item's `meta`, with the rule that did it.
    """

    def __init__(self, options: Options) -> None:
        self._rules = Rules(options)

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event:
        """The item without its secrets. Keys stay, so that one sees that there was something."""
        cleaning = Cleaning(self._rules, item.meta)
        item.tags = cleaning.mapping_at(("tags",), item.tags)
        item.contexts = cleaning.mapping_at(("contexts",), item.contexts)
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
        if frozen and "transaction" in frozen:
            # It goes into the envelope's header, which has no `_meta`.
            item.dynamic_sampling_context = {**frozen, "transaction": cleaning.text_alone(frozen["transaction"])}
        op: Any = getattr(item, "op", None)
        if op is not None:
            setattr(item, "op", cleaning.text_alone(op))  # noqa: B010
        if isinstance(item, TransactionEvent):
            self._transaction(item, cleaning)
        elif isinstance(item, ErrorEvent):
            _error(item, cleaning)
        return item

    def _transaction(self, item: TransactionEvent, cleaning: Cleaning) -> None:
        item.name = cleaning.text_at(("transaction",), item.name)
        item.data = cleaning.mapping_at(("contexts", "trace", "data"), item.data)
        if item.description is not None:
            item.description = cleaning.text_at(("contexts", "trace", "description"), item.description)
        if item.status is not None:
            item.status = cleaning.text_alone(item.status)
        known = self._rules.descriptions
        seen = None
        for position, span in enumerate(item.spans):
            op = span.op
            if op is not seen and op not in known:
                span.op = self._word(cleaning, op)
            seen = op
            if span.status is not None and span.status not in known:
                span.status = self._word(cleaning, span.status)
            description = span.description
            if description is not None and description not in known:
                span.description = self._description(cleaning, position, span)
            if span.data:
                span.data = cleaning.mapping_at(("spans", position, "data"), span.data)
            if span.tags:
                span.tags = cleaning.mapping_at(("spans", position, "tags"), span.tags)

    def _word(self, cleaning: Cleaning, given: Any) -> str:
        """An op or a status: a program may give anything for one."""
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


def _error(item: ErrorEvent, cleaning: Cleaning) -> None:
    for name in _TEXTS_OF_ERROR:
        said = getattr(item, name)
        if said is not None:
            setattr(item, name, cleaning.text_at((name,), said))
    if item.logentry is not None:
        item.logentry = cleaning.log_entry(item.logentry)
    item.exceptions = cleaning.list_at(("exception", "values"), item.exceptions)
    item.threads = cleaning.list_at(("threads", "values"), item.threads)
    if item.other:
        item.other = cleaning.mapping_at((), item.other)
