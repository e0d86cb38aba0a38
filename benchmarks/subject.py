"""What every library that is measured must be able to do here. A case that it has no word for is left out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import ClassVar

__all__ = ["DATA", "TAGS", "Subject"]

DATA = {"rows": 3, "table": "items", "cached": False}
TAGS = {"region": "north"}


class Subject:
    """One library, set up once per process. Each loop runs its case `count` times, so that calling it costs nothing."""

    name: ClassVar[str]
    has_calls_outside: ClassVar[bool] = False
    """Whether a decorated call outside a transaction records nothing; in some libraries it starts a trace."""
    has_unsampled: ClassVar[bool] = False
    has_requests: ClassVar[bool] = False

    def keep(self) -> None:
        """Set up with a destination that takes everything and does nothing."""
        raise NotImplementedError

    def deliver(self, url: str, *, roomy: bool = False) -> None:
        """Set up to deliver to the server at `url` as the library does by default; `roomy`: with queues for all."""
        raise NotImplementedError

    def flush(self) -> None:
        """Wait until all that is finished has been delivered."""
        raise NotImplementedError

    def root(self, *, sampled: bool = True) -> AbstractContextManager[object]:
        """A transaction for a block."""
        raise NotImplementedError

    def spans(self, count: int) -> None:
        """A block with an operation and a description."""
        raise NotImplementedError

    def spans_with_data(self, count: int) -> None:
        """The same with data of three keys and a tag."""
        raise NotImplementedError

    def calls(self, count: int) -> None:
        """A call of a decorated function that does nothing."""
        raise NotImplementedError

    def roots(self, count: int) -> None:
        """An empty transaction."""
        for _ in range(count):
            with self.root():
                pass

    def instrument_http(self) -> None:
        """Record the requests of `http.client` from now on."""
        raise NotImplementedError
