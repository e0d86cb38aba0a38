"""ddtrace."""

from __future__ import annotations

import logging
import os
from contextlib import AbstractContextManager

for _name, _value in {
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_STARTUP_LOGS": "false",
    "DD_TRACE_RATE_LIMIT": "-1",
    "DD_TRACE_AGENT_URL": os.environ.get("BENCHMARK_URL", "http://127.0.0.1:9"),
}.items():
    os.environ[_name] = _value

import ddtrace  # noqa: E402
from ddtrace.trace import tracer  # noqa: E402

from ..subject import DATA, TAGS, Subject  # noqa: E402

__all__ = ["SUBJECT"]

logging.getLogger("ddtrace").setLevel(logging.CRITICAL)


@tracer.wrap()
def work() -> None:
    """A decorated function."""


class Datadog(Subject):
    name = "ddtrace"
    has_requests = True

    def keep(self) -> None:
        """It has no destination that does nothing; it sends to the agent that the environment names."""

    def deliver(self, url: str, *, roomy: bool = False) -> None:
        if os.environ["DD_TRACE_AGENT_URL"] != url:
            raise RuntimeError("set BENCHMARK_URL: the agent must be known before the import")

    def flush(self) -> None:
        tracer.flush()

    def root(self, *, sampled: bool = True) -> AbstractContextManager[object]:
        return tracer.trace("nightly")

    def spans(self, count: int) -> None:
        trace = tracer.trace
        for _ in range(count):
            with trace("encode", resource="parse avatar images"):
                pass

    def spans_with_data(self, count: int) -> None:
        trace = tracer.trace
        for _ in range(count):
            with trace("encode", resource="parse avatar images") as span:
                for key, value in DATA.items():
                    span.set_tag(key, value)
                for key, value in TAGS.items():
                    span.set_tag(key, value)

    def calls(self, count: int) -> None:
        for _ in range(count):
            work()

    def instrument_http(self) -> None:
        ddtrace.patch(httplib=True)


SUBJECT = Datadog()
