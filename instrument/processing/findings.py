"""What stands in events that were kept: what was filtered out of them, and what the rules would filter today."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._value import Value
from ..options import Options
from .cleaning import Cleaning
from .rules import Rules

__all__ = ["Finding", "Findings"]


class Finding(Value):
    """A secret in an event, by the rule that knows it."""

    rule: str
    place: str
    """Its place in the event, without positions: `spans.data.password`."""
    is_filtered: bool
    """Whether it was replaced when it was recorded; else it stands there in clear."""


class Findings:
    """Looks at events with all rules on, whatever the options of the program were."""

    def __init__(self) -> None:
        self._rules = Rules(Options(), notes_filtered=False)

    def in_event(self, event: dict[str, Any]) -> Iterator[Finding]:
        """Everything in an event of the Sentry protocol, its spans included if it has them."""
        noted = event.get("_meta")
        if type(noted) is dict:
            yield from _found(noted, (), is_filtered=True)
        rest = {name: value for name, value in event.items() if name not in ("_meta", "spans")}
        request = rest.pop("request", None)
        meta: dict[str, Any] = {}
        cleaning = Cleaning(self._rules, meta)
        cleaning.mapping_at((), rest)
        if type(request) is dict:
            cleaning.request(request)
        spans = event.get("spans")
        for position, span in enumerate(spans if type(spans) is list else ()):
            self._in_span(cleaning, position, span)
        yield from _found(meta, (), is_filtered=False)

    def in_span(self, span: dict[str, Any]) -> Iterator[Finding]:
        """The same for one span, which stands by itself."""
        meta: dict[str, Any] = {}
        self._in_span(Cleaning(self._rules, meta), 0, span)
        yield from _found(meta, (), is_filtered=False)

    def _in_span(self, cleaning: Cleaning, position: int, span: dict[str, Any]) -> None:
        path = ("spans", position)
        rest = dict(span)
        description, op = rest.pop("description", None), rest.get("op")
        if type(description) is str and type(op) is str and op.partition(".")[0] == "db":
            cleaning.statement_at((*path, "description"), description)
        elif description is not None:
            cleaning.text_at((*path, "description"), description)
        cleaning.mapping_at(path, rest)


def _found(noted: dict[str, Any], path: tuple[str, ...], *, is_filtered: bool) -> Iterator[Finding]:
    for name, below in noted.items():
        if type(below) is not dict:
            continue
        if name:
            inner = path if name.isdecimal() else (*path, name)
            yield from _found(below, inner, is_filtered=is_filtered)
            continue
        entries = [one for one in below.get("rem", ()) if type(one) is list and len(one) > 1]
        rules = [str(one[0]) for one in entries if not str(one[0]).startswith("!")]
        for rule in rules or ["pii" for one in entries if one[:2] == ["!config", "x"]]:
            yield Finding(rule, ".".join(path), is_filtered)
