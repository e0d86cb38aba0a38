"""sentry-sdk."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import sentry_sdk
from sentry_sdk.transport import Transport

from ..subject import DATA, TAGS, Subject

__all__ = ["SUBJECT"]


class Nowhere(Transport):  # type: ignore[misc,unused-ignore]
    """Takes everything and does nothing."""

    def capture_envelope(self, envelope: Any) -> None:
        """Forget it."""


@sentry_sdk.trace
def work() -> None:
    """A decorated function."""


class Sentry(Subject):
    name = "sentry-sdk"
    has_calls_outside = has_unsampled = has_requests = True

    def keep(self) -> None:
        sentry_sdk.init("http://0123456789abcdef@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Nowhere)

    def deliver(self, url: str, *, roomy: bool = False) -> None:
        sentry_sdk.init(url.replace("http://", "http://0123456789abcdef@") + "/1", traces_sample_rate=1.0)

    def flush(self) -> None:
        sentry_sdk.flush(60)

    def root(self, *, sampled: bool = True) -> AbstractContextManager[object]:
        return sentry_sdk.start_transaction(op="task", name="nightly", sampled=sampled)

    def spans(self, count: int) -> None:
        start_span = sentry_sdk.start_span
        for _ in range(count):
            with start_span(op="encode", name="parse avatar images"):
                pass

    def spans_with_data(self, count: int) -> None:
        start_span = sentry_sdk.start_span
        for _ in range(count):
            with start_span(op="encode", name="parse avatar images") as span:
                for key, value in DATA.items():
                    span.set_data(key, value)
                for key, value in TAGS.items():
                    span.set_tag(key, value)

    def calls(self, count: int) -> None:
        for _ in range(count):
            work()

    def instrument_http(self) -> None:
        self.keep()


SUBJECT = Sentry()
