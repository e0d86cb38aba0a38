"""Names without the ids in them: `/users/7/orders/12` and `/users/8/orders/3` are both `/users/{id}/orders/{id}`."""

from __future__ import annotations

import re
from typing import Final

from .sql import is_statement, without_lists

__all__ = ["PLACE", "template_of"]

PLACE: Final = "{id}"

_ID: Final = re.compile(
    r"\A(?:[0-9]+"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}"
    r"|(?=[A-Za-z_-]*[0-9])[\w-]{16,})\Z"
)
_ENDING: Final = re.compile(r"(.+?)(\.[A-Za-z][A-Za-z0-9]{0,4})?")
LONGEST: Final = 1000


def template_of(name: str) -> str:
    """The name's template; the name itself where it has no ids, or is neither an address nor a query."""
    if len(name) > LONGEST:
        return name
    if "/" in name and not is_statement(name):
        return "/".join(map(_segment, name.split("/")))
    return without_lists(name) if "(" in name else name


def _segment(segment: str) -> str:
    ended = _ENDING.fullmatch(segment)
    if ended is None or _ID.fullmatch(ended[1]) is None:
        return segment
    return PLACE + (ended[2] or "")
