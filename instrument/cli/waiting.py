"""What waits in the spool, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from ..export import folder_name
from ..export.spool_survey import Heap, survey
from ..options import Options, state_folder

__all__ = ["Waiting", "left_by_the_dead", "size", "spool_folder"]


@attrs.frozen
class Waiting:
    """What dead processes left for one destination, and what cannot be looked into, oldest first."""

    heaps: Sequence[Heap] = ()

    @property
    def folders(self) -> int:
        """How many processes left something that can be delivered."""
        return sum(heap.is_dead for heap in self.heaps)

    @property
    def errors(self) -> int:
        """Error events in it."""
        return sum(heap.records.get("error", 0) for heap in self.heaps)

    @property
    def transactions(self) -> int:
        """Transactions in it."""
        return sum(heap.records.get("transaction", 0) for heap in self.heaps)

    @property
    def records(self) -> int:
        """All that is to be delivered."""
        return self.errors + self.transactions

    def told(self) -> str:
        """The records in words."""
        if not self.records:
            return "no whole record"
        words = [_quantity(self.transactions, "transaction"), _quantity(self.errors, "error")]
        return " and ".join(word for word in words if word[:2] != "0 ")


def spool_folder(options: Options) -> Path:
    """Where the spool is."""
    return (options.spool_dir or state_folder() / "spool").absolute()


def left_by_the_dead(root: Path, key: str) -> Waiting:
    """What dead processes left for the destination that the spool knows by `key`. Takes nothing away."""
    return Waiting([heap for heap in survey(root, folder_name(key)) if heap.is_dead or heap.trouble])


def size(count: int) -> str:
    """Bytes, in words."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} bytes"


def _quantity(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
