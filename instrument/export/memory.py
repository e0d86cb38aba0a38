"""The destination that keeps everything in two lists, for tests and for looking at it."""

from __future__ import annotations

from ..recording import ErrorEvent, Event, TransactionEvent

__all__ = ["Memory"]


class Memory:
    """Keeps what it is given in `transactions` and `errors`."""

    def __init__(self) -> None:
        self.transactions: list[TransactionEvent] = []
        self.errors: list[ErrorEvent] = []

    def export(self, item: Event) -> None:
        """Keep `item`."""
        if isinstance(item, TransactionEvent):
            self.transactions.append(item)
        elif isinstance(item, ErrorEvent):
            self.errors.append(item)

    def flush(self, timeout: float | None = None) -> bool:
        """Always true: what was given is here."""
        return True

    def close(self, timeout: float | None = None) -> bool:
        """Always true; the lists stay."""
        return True

    def clear(self) -> None:
        """Forget everything."""
        self.transactions.clear()
        self.errors.clear()
