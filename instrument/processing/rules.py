"""What is filtered, made ready: the verdicts on names, and what was found to hide nothing."""

from __future__ import annotations

import re
from typing import Any, Final

from ..options import Options, ScrubRules
from .secret_keys import CLEAN, LONGEST, KeyRules
from .secret_texts import SHORT, SHORTEST, TextRules

__all__ = ["KEY_ITSELF", "SPECIAL", "STATEMENTS", "Rules"]

REMEMBERED: Final = 2048

STATEMENTS: Final = frozenset({"db.statement", "db.query.text"})
"""Names under which queries stand."""
KEY_ITSELF: Final = "!"
"""The verdict on a key that holds a secret, or is longer than a key may be."""
STATEMENT: Final = "?"
"""The verdict on a key under which a query stands."""
SPECIAL: Final = (KEY_ITSELF, STATEMENT)
"""Verdicts that name no rule."""

_PARAMETERS: Final = ("db.params", "db.query.parameter", "db.sql.bindings")
_LITERALS: Final = re.compile("[0-9'\"$#-]|/\\*")
"""Where this is not found, a query and any other text are the same to us."""


class Rules:
    """What is filtered: the options' choice, made ready."""

    def __init__(self, options: Options, *, notes_filtered: bool = True) -> None:
        self.notes_filtered = notes_filtered
        """Whether there is a note on what was filtered before it came here."""
        chosen = options.scrub if options.scrub is not None else ScrubRules()
        self.sends_pii = options.send_default_pii
        self.keys = KeyRules(chosen, send_pii=self.sends_pii)
        self.texts = TextRules(chosen, self.keys)
        self.hides_literals = "sql" not in chosen.off
        self.statements: dict[str, str] = {}
        """Queries of late, and what is shown of them."""
        self.descriptions: set[str] = set()
        """Short descriptions in which there is nothing to hide, whatever their op is."""
        self._verdicts: dict[str, str] = {}
        self._known: dict[str, set[str]] = {}
        self._known_count = 0
        self.known = self._known.get
        """For a name the short texts that stood under it of late and hide nothing."""
        self.recall = self._verdicts.get
        """The verdict on a key, if it was judged before."""
        self.hides_queries = bool(self.keys.verdict("query_string"))
        """Whether a rule of the user's hides the query of a request as a whole."""
        self._hides_parameters = self.hides_literals and not self.sends_pii

    def judge(self, key: Any) -> str:
        """The rule by which what stands under `key` is a secret, or what else there is to say of it.

        `recall` knows the answer from then on. It is kept apart from the verdicts on names inside of texts.
        """
        if type(key) is not str:
            # What is remembered under a name is found under every other that equals it.
            return self.judge(str.__str__(key)) if isinstance(key, str) else CLEAN
        if key in STATEMENTS:
            verdict = STATEMENT
        elif len(key) > LONGEST:
            return KEY_ITSELF
        elif len(key) >= SHORTEST and self.texts.scrub(key)[1]:
            verdict = KEY_ITSELF
        elif self._hides_parameters and key.startswith(_PARAMETERS):
            verdict = "sql"
        else:
            verdict = self.keys.verdict(key)
        if len(self._verdicts) >= REMEMBERED:
            self._verdicts.clear()
        self._verdicts[key] = verdict
        return verdict

    def is_harmless(self, key: Any, value: str) -> bool:
        """Whether it is seen at a glance that `value` hides nothing under `key`, which is nobody's secret."""
        if len(value) > SHORT or not (value in self.texts.clean or self.texts.looks_clean(value)):
            return False
        self._known_count += 1
        if self._known_count > REMEMBERED:
            self._known.clear()
            self._known_count = 0
        self._known.setdefault(key, set()).add(value)
        return True

    def remember_statement(self, statement: str, shown: str) -> None:
        """Know the next time what is shown of a query."""
        if len(self.statements) >= REMEMBERED:
            self.statements.clear()
        self.statements[statement] = shown

    def remember_description(self, description: str) -> None:
        """Know the next time that there is nothing to hide, if that is so for a query too."""
        if len(description) <= SHORT and _LITERALS.search(description) is None:
            if len(self.descriptions) >= REMEMBERED:
                self.descriptions.clear()
            self.descriptions.add(description)
