"""elastic-apm."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import elasticapm

from ..subject import DATA, TAGS, Subject

__all__ = ["SUBJECT"]


@elasticapm.capture_span()
def work() -> None:
    """A decorated function."""


class Elastic(Subject):
    name = "elastic-apm"
    has_calls_outside = has_unsampled = True

    def keep(self) -> None:
        self._install("http://127.0.0.1:9", disable_send=True)

    def deliver(self, url: str, *, roomy: bool = False) -> None:
        self._install(url)

    def _install(self, url: str, **settings: Any) -> None:
        self._client = elasticapm.Client(
            server_url=url,
            service_name="benchmarks",
            transaction_max_spans=1_000_000,
            central_config=False,
            metrics_interval="0s",
            cloud_provider=False,
            span_compression_enabled=False,
            **settings,
        )

    def flush(self) -> None:
        self._client._transport.flush()

    def root(self, *, sampled: bool = True) -> AbstractContextManager[object]:
        return self._root(sampled)

    @contextlib.contextmanager
    def _root(self, sampled: bool) -> Iterator[None]:
        self._client.config.update("1", transaction_sample_rate=1.0 if sampled else 0.0)
        self._client.begin_transaction("task")
        try:
            yield
        finally:
            self._client.end_transaction("nightly", "success")

    def spans(self, count: int) -> None:
        capture_span = elasticapm.capture_span
        for _ in range(count):
            with capture_span("parse avatar images", span_type="encode"):
                pass

    def spans_with_data(self, count: int) -> None:
        capture_span = elasticapm.capture_span
        for _ in range(count):
            with capture_span("parse avatar images", span_type="encode", labels={**DATA, **TAGS}):
                pass

    def calls(self, count: int) -> None:
        for _ in range(count):
            work()


SUBJECT = Elastic()
