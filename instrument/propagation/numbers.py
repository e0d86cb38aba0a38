"""Numbers that strangers wrote: a fraction as JSON has it, or nothing."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["fraction", "millionths"]

LONGEST = 256
"""Characters of a number that is looked at: more than any program writes."""
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,255})(?:\.[0-9]{1,255})?(?:[eE][+-]?[0-9]{1,255})?")


def fraction(text: str | None) -> float | None:
    """The number in [0, 1] that `text` spells as JSON does, or `None`."""
    return _fraction(text) if text and len(text) <= LONGEST else None


@lru_cache(maxsize=64)
def _fraction(text: str) -> float | None:
    if _DECIMAL.fullmatch(text) is None:
        return None
    number = float(text)
    return number if number <= 1.0 else None


def millionths(text: str | None) -> str | None:
    """A number in [0, 1) as six decimals, cut and not rounded, so that it stays below every rate it was below."""
    number = fraction(text)
    if text is None or number is None:
        return None
    if text.startswith("0.") and text[2:].isdigit():
        return text[:8].ljust(8, "0")
    return f"{number:.30f}"[:8] if number < 1.0 else None
