"""What may be the value of an attribute in OTLP."""

from __future__ import annotations

from typing import Any, Final

from ..recording import plain
from .json import encode

__all__ = ["attribute"]

_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1
_SCALARS: Final = frozenset({str, bool, int, float})


def attribute(value: Any) -> Any:
    """`value` as a scalar, or as a list of scalars.

    Integers have 64 bits, and larger ones are text. So is, as JSON, what is nested: few readers of the protocol show
    more than lists.
    """
    kind = type(value)
    if kind is int:
        return value if _LOWEST <= value <= _HIGHEST else _as_text(value)
    if kind in _SCALARS:
        return value
    if (kind is list or kind is tuple) and all(type(one) in _SCALARS for one in value):
        return [attribute(one) for one in value]
    return _as_text(value)


def _as_text(value: Any) -> str:
    shown = plain(value)
    return shown if type(shown) is str else encode(shown).decode()
