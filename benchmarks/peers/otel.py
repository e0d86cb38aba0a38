"""OpenTelemetry's SDK with the OTLP exporter over HTTP."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from ..subject import DATA, TAGS, Subject

__all__ = ["SUBJECT", "Nowhere"]


class Nowhere(SpanExporter):  # type: ignore[misc,unused-ignore]
    """Takes everything and does nothing."""

    def export(self, spans: Any) -> Any:
        """Forget them."""
        return SpanExportResult.SUCCESS


class OpenTelemetry(Subject):
    name = "opentelemetry"
    has_unsampled = True

    def keep(self) -> None:
        self._install(Nowhere())

    def deliver(self, url: str, *, roomy: bool = False) -> None:
        settings = {"max_queue_size": 100_000} if roomy else {}
        self._install(OTLPSpanExporter(f"{url}/v1/traces", compression=Compression.Gzip), **settings)

    def _install(self, exporter: Any, **settings: Any) -> None:
        self._provider = TracerProvider(sampler=ALWAYS_ON)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, **settings))
        self._tracer = self._provider.get_tracer("benchmarks")
        self._off = TracerProvider(sampler=ALWAYS_OFF).get_tracer("benchmarks")

        @self._tracer.start_as_current_span("work")
        def work() -> None:
            """A decorated function."""

        self._work = work

    def flush(self) -> None:
        self._provider.force_flush(60_000)

    def root(self, *, sampled: bool = True) -> AbstractContextManager[object]:
        self._used = self._tracer if sampled else self._off
        return self._used.start_as_current_span("nightly")

    def spans(self, count: int) -> None:
        start_span = self._used.start_as_current_span
        for _ in range(count):
            with start_span("parse avatar images"):
                pass

    def spans_with_data(self, count: int) -> None:
        start_span = self._used.start_as_current_span
        for _ in range(count):
            with start_span("parse avatar images") as span:
                span.set_attributes(DATA)
                span.set_attributes(TAGS)

    def calls(self, count: int) -> None:
        work = self._work
        for _ in range(count):
            work()


SUBJECT = OpenTelemetry()
