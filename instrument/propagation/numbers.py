"""Numbers that strangers wrote: a fraction as a short decimal, or nothing."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["fraction", "millionths"]

LONGEST = 24
"""As long as JavaScript and Python spell a double between 0 and 1: `0.0000012345678901234567`."""
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,22})?(?:[eE]-[0-9]{1,3})?")


def fraction(text: str | None) -> float | None:
    """The number in [0, 1] that `text` spells in at most 24 characters, or `None`."""
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
    if text is None or number is None or number >= 1.0:
        return None
    if text.startswith("0.") and text[2:].isdigit():
        return text[:8].ljust(8, "0")
    return f"{number:.30f}"[:8]
