"""How many records go into one body: as many as the server takes, found out by its refusals. A value."""

from __future__ import annotations

from typing import Final

from .._value import Value, evolve

__all__ = ["BatchSize"]

STREAK: Final = 8


class BatchSize(Value):
    """A refused body is sent again in halves, until one record stands alone and is known to be the culprit."""

    most: int
    """What the codec allows."""
    size: int
    worked: int = 0
    """The size that was last taken; 0 when that says nothing about the records at hand."""
    streak: int = 0
    """How many bodies in a row were taken at this size."""

    def accepted(self, count: int) -> BatchSize:
        """A body of `count` records was taken; after some of them a slightly larger one is tried."""
        if self.size == self.most:
            return self
        streak, worked = self.streak + 1, max(self.worked, count)
        if streak < STREAK:
            return evolve(self, streak=streak, worked=worked)
        return BatchSize(self.most, min(self.most, self.size + max(1, self.size // 8)), worked)

    def refused(self, count: int) -> BatchSize:
        """A body of `count` records was refused: go back to the size that worked, or halve."""
        if self.worked < count and self.worked:
            return BatchSize(self.most, self.worked, self.worked)
        return BatchSize(self.most, max(1, count // 2))

    def found(self) -> BatchSize:
        """The culprit is found and out of the way."""
        return BatchSize(self.most, self.most)
