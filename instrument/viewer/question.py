"""What the list is asked for: the filters of `instrument list`, as words in one line.

`op:db status:internal_error min:250ms since:2h SELECT` asks for traces of the last two hours with a span that has this
op, this status, took that long and has SELECT in its name.
`errors=1` beside it asks for those with error events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..store.reading import read_duration, read_moment

__all__ = ["MOST_TRACES", "QuestionError", "read_question"]

MOST_TRACES: Final = 500
TRACES: Final = 100
LONGEST: Final = 1_000

ARGUMENTS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "op": ("op", str),
    "name": ("name", str),
    "status": ("status", str),
    "min": ("min_duration", read_duration),
    "min-duration": ("min_duration", read_duration),
    "since": ("since", read_moment),
}
"""Word before the colon: the argument of `Reader.find`, and how its text is read."""


class QuestionError(ValueError):
    """Something in the question has no meaning. The message is fit for a user."""


def read_question(query: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    """The arguments for `Reader.find`, and how many traces are asked for."""
    text = query.get("q", "")
    if len(text) > LONGEST:
        raise QuestionError(f"a search of more than {LONGEST:,} characters")
    asked: dict[str, Any] = {"errors": query.get("errors") == "1"}
    names: list[str] = []
    for word in text.split():
        key, colon, value = word.partition(":")
        if not colon or not value or key.lower() not in ARGUMENTS:
            names.append(word)
            continue
        argument, read = ARGUMENTS[key.lower()]
        try:
            asked[argument] = read(value)
        except ValueError as error:
            raise QuestionError(str(error)) from None
    if names:
        asked["name"] = " ".join([*filter(None, [asked.get("name")]), *names])
    limit = query.get("limit", "")
    return asked, min(MOST_TRACES, max(1, int(limit))) if limit.isascii() and limit.isdecimal() else TRACES
