"""How numbers, times and strangers' text are put into words on a terminal."""

from __future__ import annotations

import datetime
import re
from typing import Final

from rich.cells import cell_len, set_cell_size

__all__ = ["clean", "cut", "duration", "moment", "quantity"]

SEQUENCES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|[@-Z\\-_])|\x9b[0-?]*[ -/]*[@-~]?")
"""Orders to the terminal, which a name could carry."""

UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
"""Characters that move the cursor, turn the direction of writing or take no room."""


def clean(text: str, *, ascii_only: bool = False) -> str:
    """`text` on one line, without anything that a terminal would obey."""
    text = UNSEEN.sub("", " ".join(SEQUENCES.sub("", text).split()))
    return text.encode("ascii", "replace").decode() if ascii_only else text


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """`text`, shortened to at most `width` columns."""
    if cell_len(text) <= width:
        return text
    if width <= len(ellipsis):
        return ellipsis[: max(0, width)]
    return set_cell_size(text, width - len(ellipsis)).rstrip() + ellipsis


def duration(seconds: float, *, ascii_only: bool = False) -> str:
    """Three digits and a unit; never wider than 7 columns below 100 hours."""
    if seconds >= 3600:
        return f"{int(seconds // 3600)}h {int(seconds % 3600 // 60):02}m"
    if seconds >= 99.95:
        return f"{int(seconds // 60)}m {int(seconds % 60):02}s"
    micro = "us" if ascii_only else "µs"
    for unit, size in (("s", 1.0), ("ms", 1e-3), (micro, 1e-6)):
        value = seconds / size
        if value >= 0.9995:
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    return "0 s" if seconds < 5e-10 else f"{seconds * 1e6:.2f} {micro}"


def moment(seconds: float, *, short: bool = False) -> str:
    """A moment (Unix seconds) in the user's own time zone."""
    try:
        local = datetime.datetime.fromtimestamp(seconds)
    except (OverflowError, ValueError, OSError):
        return "?"
    return local.strftime("%m-%d %H:%M:%S" if short else "%Y-%m-%d %H:%M:%S")


def quantity(count: int, noun: str, plural: str = "") -> str:
    """`1 span`, `2 spans`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
