"""What is spooled: one finished item, already encoded for its destination."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

__all__ = ["LEAST_FIRST", "Kind", "Record"]

Kind: TypeAlias = Literal["transaction", "error", "report"]
"""Decides the lane of a record, and what goes first when there is no room."""

LEAST_FIRST: Final[tuple[Kind, ...]] = ("transaction", "report", "error")
"""When there is no room, transactions go first and errors last."""


@attrs.frozen(slots=True)
class Record:
    """One item as bytes."""

    kind: Kind
    spans: int
    """How many spans the payload holds, its root included; 0 for errors and reports."""
    payload: bytes
