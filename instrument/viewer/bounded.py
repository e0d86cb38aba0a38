"""Strangers' data made fit to be shown: however much there is, however deep, and whatever JavaScript cannot count."""

from __future__ import annotations

import math
from typing import Any, Final

__all__ = ["Room", "cut"]

DEEPEST: Final = 24
LONGEST_TEXT: Final = 20_000
MOST_ITEMS: Final = 1_000
EXACT: Final = 2**53
"""Beyond it JavaScript rounds whole numbers."""

LEFT_OUT: Final = "… (left out)"


class Room:
    """How many characters of values may still be copied; the rest is said to be left out."""

    def __init__(self, characters: int = 2_000_000) -> None:
        self.left = characters

    def copy(self, value: Any, depth: int = 0) -> Any:
        """`value`, or as much of it as there is room for."""
        self.left -= 8
        if isinstance(value, str):
            text = cut(value, max(0, min(LONGEST_TEXT, self.left)))
            self.left -= len(text)
            return text
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value if abs(value) <= EXACT else str(value)
        if not isinstance(value, (dict, list)):
            return value
        if depth >= DEEPEST or self.left <= 0:
            return LEFT_OUT
        if isinstance(value, list):
            items = [self.copy(item, depth + 1) for item in value[:MOST_ITEMS]]
            return items if len(value) <= MOST_ITEMS else [*items, f"… ({len(value) - MOST_ITEMS:,} more)"]
        copied: dict[str, Any] = {}
        for name, item in value.items():
            if len(copied) == MOST_ITEMS or self.left <= 0:
                copied["…"] = f"({len(value) - len(copied):,} more)"
                break
            copied[self.copy(str(name), depth + 1)] = self.copy(item, depth + 1)
        return copied


def cut(text: str, length: int) -> str:
    """`text`, or its beginning and how much is missing."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length:,} more characters)"
