"""The characters that trees and bars are drawn with, where the terminal has them and where it does not."""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["ASCII", "UNICODE", "Glyphs"]


@attrs.frozen
class Glyphs:
    """One set of characters."""

    ascii_only: bool
    fork: str
    corner: str
    trunk: str
    blank: str
    deep: str
    bar: str
    right_half: str
    left_half: str
    hidden: str
    ellipsis: str
    times: str
    dot: str
    cross: str
    warning: str
    note: str
    orphan: str


UNICODE: Final = Glyphs(
    ascii_only=False,
    fork="├─ ",
    corner="└─ ",
    trunk="│  ",
    blank="   ",
    deep="⋯",
    bar="━",
    right_half="╺",
    left_half="╸",
    hidden="┄",
    ellipsis="…",
    times="×",
    dot="·",
    cross="✗",
    warning="!",
    note="·",
    orphan="⋯",
)

ASCII: Final = Glyphs(
    ascii_only=True,
    fork="|- ",
    corner="`- ",
    trunk="|  ",
    blank="   ",
    deep="..",
    bar="=",
    right_half="=",
    left_half="=",
    hidden="-",
    ellipsis="...",
    times="x",
    dot="-",
    cross="x",
    warning="!",
    note="-",
    orphan="~",
)
