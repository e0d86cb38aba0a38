"""The walk over one item: what is a secret is replaced, what is too large is cut, and both are noted."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

from ..recording import Span, plain, plain_mapping, text
from .card_numbers import LOWEST_CARD, is_card
from .rules import KEY_ITSELF, SPECIAL, STATEMENTS, Rules
from .secret_keys import CLEAN, FILTERED, is_spared
from .sql import without_literals

__all__ = ["Cleaning"]

ITEMS: Final = 200
"""Entries of one mapping of tags or data."""

ROOM: Final = 2_000_000
"""Characters of long texts in one item."""

LONG: Final = 1000

Path = tuple[str | int, ...]

_NOTHING: Final[frozenset[str]] = frozenset()
_ATOMS: Final = frozenset({bool, type(None)})
_SOURCE: Final = frozenset({"context_line", "pre_context", "post_context"})
_NOBODY: Final = f"{FILTERED}@"


class Cleaning:
    """Cleans the parts of one item. A part in which nothing had to change is returned as it was given.

    What changed is noted under its place in `meta`, as the Sentry protocol does it in `_meta`.
    """

    __slots__ = ("_meta", "_notes", "_path", "_room", "_rules")

    def __init__(self, rules: Rules, meta: dict[str, Any]) -> None:
        self._rules = rules
        self._meta = meta
        self._path: list[str | int] = []
        self._notes: list[tuple[Path, dict[str, Any]]] = []
        self._room = ROOM

    def mapping_at(self, path: Path, given: Any) -> Any:
        """A mapping that stands at `path` in the payload."""
        made = self.mapping(given)
        if self._notes:
            self._settle(path)
        return made

    def span(self, position: int, span: Span) -> None:
        """The data and the tags of the span at `position`."""
        if span.data:
            span.data = self.mapping(span.data)
            if self._notes:
                self._settle(("spans", position, "data"))
        if span.tags:
            span.tags = self.mapping(span.tags)
            if self._notes:
                self._settle(("spans", position, "tags"))

    def list_at(self, path: Path, given: Any) -> Any:
        """A list that stands at `path`."""
        made = self._sequence(given) if type(given) is list else given
        if self._notes:
            self._settle(path)
        return made

    def text_at(self, path: Path, given: Any) -> str:
        """A text that stands at `path`."""
        if type(given) is str and given in self._rules.texts.clean:
            return given
        made = self._text(text(given), None)
        if self._notes:
            self._settle(path)
        elif made is given:
            self._rules.texts.remember(made)
        return made

    def text_alone(self, given: Any) -> str:
        """A text that stands where no note can be made."""
        if type(given) is str and given in self._rules.texts.clean:
            return given
        made = self._text(text(given), None)
        if made is given:
            self._rules.texts.remember(made)
        self._notes.clear()
        return made

    def statement_at(self, path: Path, given: str) -> str:
        """A query that stands at `path`."""
        made = self._statement(given, None)
        if self._notes:
            self._settle(path)
        return made

    def breadcrumbs(self, given: list[Any]) -> list[dict[str, Any]]:
        """Breadcrumbs: the message of one that tells a query is one."""
        made = []
        for position, crumb in enumerate(given):
            cleaned = self.mapping_at(("breadcrumbs", "values", position), crumb)
            message = cleaned.get("message")
            if cleaned.get("category") == "query" and type(message) is str and message:
                stated = self.statement_at(("breadcrumbs", "values", position, "message"), message)
                cleaned = {**cleaned, "message": stated}
            made.append(cleaned)
        return made

    def log_entry(self, given: Any) -> dict[str, Any]:
        """A logged message. Where a secret was found in it, its parameters go: which of them it was is not known."""
        made: dict[str, Any] = self.mapping_at(("logentry",), given)
        if made.get("params") and made.get("formatted") != given.get("formatted"):
            made = {**made, "params": [FILTERED]}
            self._note_rules(("params", 0), ("text",))
            self._settle(("logentry",))
        return made

    def request(self, given: Any) -> dict[str, Any]:
        """An HTTP request: its cookies and the client's address go only with data about persons."""
        rest = dict(given) if type(given) is dict else plain_mapping(given)
        cookies = rest.pop("cookies", None)
        remark = getattr(rest.get("data"), "remark", None)
        is_read = type(rest.get("query_string")) is str and not self._rules.hides_queries
        query = rest.pop("query_string") if is_read else None
        made: dict[str, Any] = self.mapping_at(("request",), rest)
        url, body = made.get("url"), made.get("data")
        if type(url) is str and _NOBODY in url:
            made["url"] = url.replace(_NOBODY, "", 1)
        if query is not None:
            made["query_string"] = self._query_at(("request", "query_string"), query)
        if type(body) is str and "=" in body and not body[:1].isspace() and body[:1] not in "{[<":
            made["data"] = self._query_at(("request", "data"), body)
        if cookies and self._rules.sends_pii:
            made["cookies"] = self.mapping_at(("request", "cookies"), _split_cookies(cookies))
        elif cookies:
            self._notes.append(((), {"rem": [["!config", "x"]]}))
            self._settle(("request", "cookies"))
        if remark is not None:
            # A body that the reader of the request has left out, and says why.
            self._notes.append(((), {"rem": [[remark, "x"]]}))
            self._settle(("request", "data"))
        return made

    def _query_at(self, path: Path, query: str) -> str:
        cleaned, rules = self._rules.texts.scrub_query(self._within_bounds(query, None))
        self._note_rules((), rules)
        if self._notes:
            self._settle(path)
        return cleaned

    def _settle(self, path: Path) -> None:
        """Write down what was noted, all of it at or below `path`."""
        top = _below(self._meta, path)
        for below, remark in self._notes:
            _below(top, below).setdefault("", {}).update(remark)
        self._notes.clear()

    def _note(self, key: str | int | None, rules: tuple[str, ...]) -> None:
        if rules:
            self._note_rules(tuple(self._path) if key is None else (*self._path, key), rules)

    def _note_rules(self, below: Path, rules: tuple[str, ...]) -> None:
        if rules:
            self._notes.append((below, {"rem": [["!config", "s"], *[[rule, "s"] for rule in rules]]}))

    def mapping(self, given: Any) -> dict[str, Any]:
        """A mapping; what is noted has no place yet."""
        try:
            return self._mapping(given if type(given) is dict else plain_mapping(given))
        except RuntimeError:
            # Another thread still writes to it.
            self._path.clear()
            self._notes.clear()
            return self._mapping(dict(given))

    def _mapping(self, given: dict[Any, Any]) -> dict[str, Any]:
        made: dict[str, Any] | None = None
        has_bad_key = False
        rules = self._rules
        known, recall = rules.known, rules.recall
        for key, value in given.items():
            kind = type(value)
            if kind is str and value in known(key, _NOTHING):
                continue
            rule = recall(key)
            if rule is None:
                rule = rules.judge(key)
            if not rule:
                if kind is str:
                    if rules.is_harmless(key, value):
                        continue
                elif kind is int:
                    if -LOWEST_CARD < value < LOWEST_CARD:
                        continue
                elif kind in _ATOMS or (kind is float and isfinite(value)):
                    continue
                elif kind is dict:
                    # In line what `_entry` does with it.
                    self._path.append(key)
                    new = self._mapping(value)
                    self._path.pop()
                    if new is not value:
                        made = dict(given) if made is None else made
                        made[key] = new
                    continue
            shown = key
            if rule in SPECIAL:
                if rule == KEY_ITSELF:
                    has_bad_key = True
                    shown = rules.texts.scrub(text(key))[0]
                rule = CLEAN
            new = self._entry(shown, rule, kind, value)
            if new is not value:
                if made is None:
                    made = dict(given)
                made[key] = new
        if has_bad_key or len(given) > ITEMS:
            return self._with_other_keys(given if made is None else made)
        return given if made is None else made

    def _with_other_keys(self, given: dict[Any, Any]) -> dict[str, Any]:
        """The mapping with keys that may be shown, and not more of them than allowed."""
        made = {}
        for key in list(given)[:ITEMS]:
            shown, rules = self._rules.texts.scrub(text(key))
            self._note(shown, rules)
            made[shown] = given[key]
        if len(given) > ITEMS:
            made["..."] = f"{len(given) - ITEMS} more"
        return made

    def _entry(self, key: Any, rule: str, kind: type, value: Any) -> Any:
        if rule:
            if kind is str and value == FILTERED:
                # Whoever recorded it has done our work.
                self._note(key, (rule,) if self._rules.notes_filtered else ())
                return value
            if not is_spared(key, rule, value):
                self._note(key, (rule,))
                return FILTERED
        if kind is str:
            if key in STATEMENTS:
                return self._statement(value, key)
            return self._source(value, key) if key in _SOURCE else self._text(value, key)
        if kind is bool or value is None:
            return value
        if kind is int and -LOWEST_CARD < value < LOWEST_CARD:
            return value
        if kind is dict or kind is list:
            self._path.append(key)
            inner = self._mapping(value) if kind is dict else self._sequence(value, is_source=key in _SOURCE)
            self._path.pop()
            return inner
        return self._number(value, key) if kind is int else plain(value)

    def _number(self, value: int, key: Any) -> Any:
        if self._rules.texts.knows_cards and value.bit_length() < 64 and is_card(str(value)):
            self._note(key, ("card",))
            return FILTERED
        return plain(value)

    def _text(self, value: str, key: Any) -> str:
        if value in self._rules.texts.clean:
            return value
        made, rules = self._rules.texts.scrub(value if len(value) < LONG else self._within_bounds(value, key))
        if rules:
            self._note(key, rules)
        return made

    def _source(self, value: str, key: Any) -> str:
        if value in self._rules.texts.clean_source:
            return value
        made, rules = self._rules.texts.scrub_source(self._within_bounds(value, key))
        self._note(key, rules)
        return made

    def _statement(self, value: str, key: Any) -> str:
        rules = self._rules
        known = rules.statements.get(value)
        if known is not None:
            self._note(key, ("sql",) if known != value else ())
            return known
        shown = self._within_bounds(value, key)
        made = without_literals(shown) if rules.hides_literals else shown
        made, found = rules.texts.scrub(made)
        if not found and len(value) <= LONG:
            rules.remember_statement(value, made)
        self._note(key, ("sql", *found) if made != shown else ())
        return made

    def _within_bounds(self, value: str, key: Any) -> str:
        """A long text cut to what one text may be, and to less when the item holds very much."""
        if len(value) < LONG:
            return value
        shown: str = plain(value) if self._room > 0 else plain(value[:LONG])
        self._room -= len(shown)
        if len(shown) < len(value) and shown.endswith("..."):
            below = tuple(self._path) if key is None else (*self._path, key)
            self._notes.append((below, {"len": len(value), "rem": [["!limit", "s", len(shown) - 3, len(shown)]]}))
        return shown

    def _sequence(self, given: list[Any], *, is_source: bool = False) -> list[Any]:
        made: list[Any] | None = None
        hides_next = ""
        for position, value in enumerate(given):
            kind = type(value)
            if kind is str and hides_next:
                new: Any = FILTERED
                self._note(position, (hides_next,))
            elif is_source and kind is str:
                new = self._source(value, position)
            elif kind is list and len(value) == 2 and type(value[0]) is str:
                new = self._pair(value, position)
            else:
                new = self._entry(position, "", kind, value)
            hides_next = (
                self._rules.keys.verdict(value) if kind is str and value[:1] == "-" and "=" not in value else ""
            )
            if new is not value:
                if made is None:
                    made = list(given)
                made[position] = new
        return given if made is None else made

    def _pair(self, pair: list[Any], position: int) -> list[Any]:
        """A header or an item of a mapping, as a list of two."""
        name, value = pair
        rule = self._rules.keys.verdict(name)
        self._path.append(position)
        if rule and not is_spared(name, rule, value):
            self._note(1, (rule,))
            made = [self._text(name, 0), FILTERED]
        else:
            made = self._sequence(pair)
        self._path.pop()
        return made


def _below(node: dict[str, Any], path: Path) -> dict[str, Any]:
    """The remarks on what stands at `path` below a node, made where they are missing."""
    for step in path:
        node = node.setdefault(step if type(step) is str else str(step), {})
    return node


def _split_cookies(given: Any) -> Any:
    """The `Cookie` header as a mapping; what cannot be split is filtered as a whole."""
    if type(given) is not str:
        return given
    pairs = [piece.strip().partition("=") for piece in given.split(";")[:ITEMS]]
    return {name: value if sign else FILTERED for name, sign, value in pairs if name}
