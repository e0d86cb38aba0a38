"""Statements without the values in them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_statement", "without_lists", "without_literals"]

_LITERAL: Final = re.compile(
    r"(?P<dollar>\$(?P<tag>\w{0,32})\$.*?(?:\$(?P=tag)\$|\Z))"
    r"|(?P<skip>--[^\n]*|/\*.*?(?:\*/|\Z)|`[^`]*`|(?<![\w$@:?])[$@:?]\w+|%\(\w+\)s|(?<![\w$])[A-Za-z_][\w$]*(?!['\"\w$]))"
    r"|(?P<text>(?:(?<!\w)[eEnNbBxX]|(?<!\w)[uU]&)?'(?:[^'\\]|''|\\[^'])*(?:'|\\'.*\Z|\\?\Z))"
    r"|(?P<double>\"(?:[^\"\\]|\"\"|\\.)*(?:\"|\Z))"
    r"|(?P<number>(?<![\w$.])[-+]?(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,4})?|\.[0-9]+))",
    re.DOTALL,
)
"""Comments, names and placeholders, which are passed over, and the kinds of literals.

Databases disagree on whether a backslash hides the quote after it, so from there on nothing is shown.
"""

_LIST: Final = re.compile(r"\((\s{0,9}(?:\?|%s)\s{0,9},)(?:\s{0,9}(?:\?|%s)\s{0,9},)+\s{0,9}(?:\?|%s)\s{0,9}\)")
_VERB: Final = re.compile(
    r"\s{0,20}(?:select|insert|update|delete|replace|merge|with|create|alter|drop|call|exec|execute|explain|pragma|set)\b",
    re.IGNORECASE,
)


def is_statement(text: str) -> bool:
    """Whether `text` begins like SQL."""
    return _VERB.match(text) is not None


def without_literals(statement: str) -> str:
    """The statement with `?` for every text and number in it. Names in double quotes stay; texts in them do not."""
    pieces: list[str] = []
    done = 0
    for found in _LITERAL.finditer(statement):
        kind = found.lastgroup
        if kind == "skip":
            comment = found[0][:2] in ("--", "/*")
            if not comment or found[0].startswith("/*+"):
                continue
            replacement = ""
        elif kind == "double" and not _is_value(statement, found.start()):
            continue
        else:
            replacement = _signed(statement, found) + "?"
        pieces += (statement[done : found.start()], replacement)
        done = found.end()
    return "".join([*pieces, statement[done:]]) if pieces else statement


def without_lists(statement: str) -> str:
    """The statement with `(?, ...)` for a list of placeholders, however long."""
    return _LIST.sub("(?, ...)", statement)


def _is_value(statement: str, at: int) -> bool:
    """Whether what is in double quotes at `at` is compared or given, so that it is a text and not a name."""
    before = statement[max(0, at - 16) : at].rstrip()
    return before.endswith(("=", "<", ">")) or before[-5:].lower().endswith((" like", "regexp"))


def _signed(statement: str, found: re.Match[str]) -> str:
    """The sign that the pattern took for the number's, where it joins two values: `a - 1`, `b+1`."""
    if found[0][:1] not in "+-":
        return ""
    before = statement[max(0, found.start() - 8) : found.start()].rstrip()[-1:]
    return found[0][:1] if before.isalnum() or before in (")", "?", "_", '"') else ""
