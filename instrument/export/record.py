"""What is spooled: one finished item, already encoded for its destination."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["LEAST_FIRST", "Kind", "Record"]

Kind: TypeAlias = Literal["transaction", "error", "report"]
"""Decides the lane of a record, and what goes first when there is no room."""

LEAST_FIRST: Final[tuple[Kind, ...]] = ("transaction", "report", "error")
"""When there is no room, transactions go first and errors last."""


class Record(NamedTuple):
    """One item as bytes."""

    kind: Kind
    spans: int
    """How many spans the payload holds, its root included; 0 for errors and reports."""
    payload: bytes
