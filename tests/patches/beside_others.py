"""A program in which several tools record the same requests. It says what the server was sent, and who recorded what.

Its argument is JSON: the order in which the tools begin and in which they end, and the headers of the program's own.
There is a phase before anybody ends, and one after each end; in each of them three libraries ask.
"""

import contextlib
import http.client
import json
import sys

from tests.contracts.web import LIMIT, Web

LIBRARIES = ("http.client", "requests", "httpx")
NAMES = ("sentry-trace", "baggage", "traceparent", "tracestate")


class Ours:
    """This library."""

    def begin(self):
        import instrument
        from instrument.exporters import Memory

        self.memory = Memory()
        instrument.init(exporter=self.memory)

    def unit(self):
        import instrument

        return instrument.transaction("test", "unit")

    def end(self):
        import instrument

        instrument.unpatch()

    def told(self):
        spans = [span for item in self.memory.transactions for span in item.spans if span.op == "http.client"]
        self.memory.clear()
        return [[span.description, span.status, span.trace_id, span.span_id] for span in spans]


class Sentry:
    """sentry-sdk, whose patch of http.client comes with it and cannot be taken off; it ends by having no client."""

    def begin(self):
        import sentry_sdk

        self.events = []
        sentry_sdk.init(
            "http://key@127.0.0.1:9/1",
            traces_sample_rate=1.0,
            release="shop@1",
            before_send_transaction=lambda event, hint: self.events.append(event),
        )

    def unit(self):
        import sentry_sdk

        return sentry_sdk.start_transaction(op="test", name="unit")

    def end(self):
        import sentry_sdk

        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)

    def told(self):
        spans = [span for event in self.events for span in event["spans"] if span["op"] == "http.client"]
        self.events.clear()
        return [[span["description"], span.get("status"), span["trace_id"], span["span_id"]] for span in spans]


class Otel:
    """opentelemetry, with its patches of requests and httpx."""

    def begin(self):
        from opentelemetry import trace
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
        from opentelemetry.instrumentation.requests import RequestsInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        trace.set_tracer_provider(provider)
        self.tracer = trace.get_tracer("test")
        self.patches = RequestsInstrumentor(), HTTPXClientInstrumentor()
        for patch in self.patches:
            patch.instrument()

    def unit(self):
        return self.tracer.start_as_current_span("unit")

    def end(self):
        for patch in self.patches:
            patch.uninstrument()

    def told(self):
        spans = [span for span in self.exporter.get_finished_spans() if span.name != "unit"]
        self.exporter.clear()
        return [[span.name, "ok", f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"] for span in spans]


def ask(library, port, headers):
    """Ask for a page; the code of the answer."""
    if library == "http.client":
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        with contextlib.closing(connection):
            connection.request("GET", "/ok", headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
    import httpx
    import requests

    get = {"requests": requests.get, "httpx": httpx.get}[library]
    return get(f"http://127.0.0.1:{port}/ok", headers=headers, timeout=LIMIT).status_code


def record(tools, library, web, headers):
    """What the server was sent, and what each tool recorded."""
    with contextlib.ExitStack() as stack:
        for tool in tools.values():
            stack.enter_context(tool.unit())
        assert ask(library, web.port, headers) == 200
    sent = {name: values for name in NAMES if (values := web.values(name))}
    return {"sent": sent, **{name: tool.told() for name, tool in tools.items()}}


def main(begin, end, headers):
    tools = {name: {"ours": Ours, "sentry": Sentry, "otel": Otel}[name]() for name in begin}
    for tool in tools.values():
        tool.begin()
    phases = []
    with Web() as web:
        for ended in [None, *end]:
            if ended is not None:
                tools[ended].end()
            phases.append({library: record(tools, library, web, headers) for library in LIBRARIES})
        print(json.dumps(phases))


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
