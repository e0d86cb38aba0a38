"""One line of the doctor: how bad it is, what was looked at, what was found, and what to do about it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import attrs

from ..hiding import hide

__all__ = ["Finding", "hidden", "ok", "problem", "render", "warning"]

Level: TypeAlias = Literal["ok", "warning", "problem"]

COLORS: Final = {"ok": "32", "warning": "33", "problem": "31"}
LEVEL_WIDTH: Final = 8
CHECK_WIDTH: Final = 12


@attrs.frozen
class Finding:
    """`text` and `advice` are one line each; advice is given for whatever is not ok."""

    level: Level
    check: str
    text: str
    advice: str = ""


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding("ok", check, text)


def warning(check: str, text: str, advice: str) -> Finding:
    """It works, but not as somebody may expect."""
    return Finding("warning", check, text, advice)


def problem(check: str, text: str, advice: str) -> Finding:
    """Something does not arrive, or is not kept."""
    return Finding("problem", check, text, advice)


def hidden(finding: Finding, known: Iterable[str]) -> Finding:
    """The same without what is secret."""
    return attrs.evolve(finding, text=hide(finding.text, known), advice=hide(finding.advice, known))


def render(finding: Finding, width: int | None, *, color: bool, ascii_only: bool) -> str:
    """The line; folded where there is a width to keep to."""
    text = finding.text
    if finding.advice:
        text = f"{text}. {finding.advice}" + ("" if finding.advice.endswith("?") else ".")
    if ascii_only:
        text = text.encode("ascii", "backslashreplace").decode()
    head = f"{finding.level:<{LEVEL_WIDTH}} {finding.check:<{CHECK_WIDTH}} "
    if width is not None:
        room = max(30, width - len(head))
        parts = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
        text = ("\n" + " " * len(head)).join(parts)
    if color:
        head = f"\x1b[{COLORS[finding.level]}m{head[:LEVEL_WIDTH]}\x1b[0m{head[LEVEL_WIDTH:]}"
    return head + text
