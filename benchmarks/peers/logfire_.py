"""logfire, delivering to a plain OTLP receiver."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import logfire
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from ..subject import DATA, TAGS, Subject
from .otel import Nowhere

__all__ = ["SUBJECT"]


@logfire.instrument("work")
def work() -> None:
    """A decorated function."""


class Logfire(Subject):
    name = "logfire"

    def keep(self) -> None:
        self._install(BatchSpanProcessor(Nowhere()))

    def deliver(self, url: str, *, roomy: bool = False) -> None:
        exporter = OTLPSpanExporter(f"{url}/v1/traces", compression=Compression.Gzip)
        self._install(BatchSpanProcessor(exporter, max_queue_size=100_000 if roomy else None))

    def _install(self, processor: Any) -> None:
        logfire.configure(
            send_to_logfire=False,
            console=False,
            metrics=False,
            inspect_arguments=False,
            additional_span_processors=[processor],
        )

    def flush(self) -> None:
        logfire.force_flush(60_000)

    def root(self, *, sampled: bool = True) -> AbstractContextManager[object]:
        return logfire.span("nightly")

    def spans(self, count: int) -> None:
        span = logfire.span
        for _ in range(count):
            with span("parse avatar images"):
                pass

    def spans_with_data(self, count: int) -> None:
        span = logfire.span
        for _ in range(count):
            with span("parse avatar images", **DATA, **TAGS):
                pass

    def calls(self, count: int) -> None:
        for _ in range(count):
            work()


SUBJECT = Logfire()
