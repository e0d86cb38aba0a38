"""Bars to scale, exact to half a column, and the scale above them."""

from __future__ import annotations

import math
import re
from typing import Final

from rich.cells import cell_len

from .glyphs import Glyphs
from .wording import cut, duration

__all__ = ["bar", "beside", "scale"]

TICK_EVERY: Final = 9
"""Columns from one number of the scale to the next, at least."""

ZEROS: Final = re.compile(r"(?:\.0+|(\.\d*[1-9])0+) ")
"""What 1.50 s has too much of."""


def bar(first: float, last: float, width: int, glyphs: Glyphs, *, thin: bool = False) -> str:
    """A bar from `first` to `last` (shares of the whole, 0 to 1). However short, it can be seen."""
    halves = 2 * width
    begin = min(max(0, round(first * halves)), halves - 1)
    end = min(max(begin + 1, round(last * halves)), halves)
    if thin:
        return " " * (begin // 2) + glyphs.hidden * ((end + 1) // 2 - begin // 2)
    head = glyphs.right_half if begin % 2 else ""
    full = (end - begin - bool(head)) // 2
    tail = glyphs.left_half if (end - begin - bool(head)) % 2 else ""
    return " " * (begin // 2) + head + glyphs.bar * full + tail


def beside(drawn: str, word: str, width: int, glyphs: Glyphs) -> str:
    """The bar with a word where there is room for it: behind it, before it, inside it, else cut short."""
    word = cut(word, width - 2, glyphs.ellipsis)
    need = cell_len(word) + 1
    begin = len(drawn) - len(drawn.lstrip())
    if len(drawn) + need <= width:
        return f"{drawn} {word}"
    if begin >= need:
        return f"{' ' * (begin - need)}{word} {drawn.lstrip()}"
    if len(drawn) - begin >= need + 5:
        head = begin + 2
        return f"{drawn[:head]} {word} {drawn[head + need + 1 :]}"
    if width - len(drawn) >= begin:
        return f"{drawn} {cut(word, width - len(drawn) - 1, glyphs.ellipsis)}"
    word = cut(word, begin - 1, glyphs.ellipsis)
    return f"{' ' * (begin - 1 - cell_len(word))}{word} {drawn.lstrip()}"


def scale(whole: float, width: int, glyphs: Glyphs) -> str:
    """Round times above the columns where they are: each one's middle is its place; 0 is at the left end."""
    line = "0"
    step = _round_step(whole * TICK_EVERY / width)
    time = step
    while 0 < time <= whole:
        text = ZEROS.sub(r"\1 ", duration(time, ascii_only=glyphs.ascii_only))
        begin = round(width * time / whole) - len(text) // 2
        if begin + len(text) > width:
            break
        line = line.ljust(begin) + text
        time += step
    return line


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, … that is at least `least`; minutes and hours are divided as clocks are."""
    for step in (60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400):
        if 30 < least <= step:
            return step
    if least <= 0 or least > 86400:
        return 0.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * 0.999)
