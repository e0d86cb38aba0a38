"""Our own side."""

from __future__ import annotations

from contextlib import AbstractContextManager

import instrument
from instrument.exporters import Local, Sentry

from .subject import DATA, TAGS, Subject

__all__ = ["OURS", "OURS_LOCAL"]


class Nowhere:
    """An exporter that takes everything and does nothing."""

    def export(self, item: object) -> None:
        """Forget it."""

    def flush(self, timeout: float | None = None) -> bool:
        """There is nothing to wait for."""
        return True

    def close(self, timeout: float | None = None) -> bool:
        """There is nothing to close."""
        return True


@instrument.traced(op="task")
def work() -> None:
    """A decorated function."""


@instrument.traced(op="task", data=DATA)
def work_with_data() -> None:
    """A decorated function whose spans carry data."""


class Ours(Subject):
    name = "instrument"
    has_calls_outside = has_unsampled = has_requests = True

    def keep(self) -> None:
        instrument.init(exporter=Nowhere(), default_integrations=False)

    def deliver(self, url: str, *, roomy: bool = False) -> None:
        dsn = url.replace("http://", "http://0123456789abcdef@") + "/1"
        instrument.init(exporter=Sentry(dsn), default_integrations=False)

    def flush(self) -> None:
        if not instrument.flush(60):
            raise RuntimeError(f"not delivered within a minute: {instrument.stats()}")

    def root(self, *, sampled: bool = True) -> AbstractContextManager[object]:
        return instrument.transaction("task", "nightly", sampled=sampled)

    def spans(self, count: int) -> None:
        span = instrument.span
        for _ in range(count):
            with span("encode", "parse avatar images"):
                pass

    def spans_with_data(self, count: int) -> None:
        span = instrument.span
        for _ in range(count):
            with span("encode", "parse avatar images", data=DATA, tags=TAGS):
                pass

    def calls(self, count: int) -> None:
        for _ in range(count):
            work()

    def calls_with_data(self, count: int) -> None:
        """A decorated function with data; the tag it sets itself."""
        for _ in range(count):
            work_with_data()

    def instrument_http(self) -> None:
        instrument.init(exporter=Nowhere())


class OursToTheStore(Ours):
    """The same with the default destination."""

    name = "instrument, local"

    def deliver(self, url: str, *, roomy: bool = False) -> None:
        instrument.init(exporter=Local(), default_integrations=False)

    def delivered(self) -> int:
        """How many transactions the store has taken."""
        return instrument.stats().transactions.delivered


OURS = Ours()
OURS_LOCAL = OursToTheStore()
