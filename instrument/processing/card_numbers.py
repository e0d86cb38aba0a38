"""Whether digits are the number of a payment card: length and first digits of a known issuer, and the check digit."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LOWEST_CARD", "is_card", "replace_cards"]

LOWEST_CARD: Final = 3 * 10**12
"""A number below this one is no card's."""

_ISSUED: Final = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|35(?:2[89]|[3-8][0-9])[0-9]{12}"
    r"|6(?:011|5[0-9]{2}|4[4-9][0-9])[0-9]{12}|62[0-9]{14,17}"
)
_BETWEEN: Final = re.compile("([ -])")
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def replace_cards(text: str, replacement: str) -> str:
    """`text`, digits with blanks or dashes between them, with each card's number in it replaced."""
    if is_card(text):
        return replacement
    pieces = _BETWEEN.split(text)
    if len(pieces) == 1:
        return text
    made, at = "", 0
    while at < len(pieces):
        # Numbers and what is between them take turns; a card's number is made of at most five groups.
        for end in range(min(at + 9, len(pieces)), at, -2):
            if is_card("".join(pieces[at:end:2])):
                made, at = made + replacement, end
                break
        else:
            made, at = made + pieces[at], at + 1
        made, at = made + "".join(pieces[at : at + 1]), at + 1
    return made


def is_card(text: str) -> bool:
    """Whether `text`, digits with blanks or dashes between them, is a card's number."""
    digits = text.replace(" ", "").replace("-", "")
    if _ISSUED.fullmatch(digits) is None:
        return False
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0
