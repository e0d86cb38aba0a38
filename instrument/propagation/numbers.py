"""Numbers that strangers wrote: a fraction as a short decimal, or nothing."""

from __future__ import annotations

import re

__all__ = ["fraction", "millionths"]

LONGEST = 20
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?(?:[eE]-[0-9]{1,3})?")


def fraction(text: str | None) -> float | None:
    """The number in [0, 1] that `text` spells in at most 20 characters, or `None`."""
    if not text or len(text) > LONGEST or _DECIMAL.fullmatch(text) is None:
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
