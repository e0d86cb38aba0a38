"""A page's trace goes on in the browser, and the browser's goes on in the service that it asks.

The script of the page is page.js. Seen with @sentry/browser 11.12.0: it continues a trace from the tags
`<meta name="sentry-trace">` and `<meta name="baggage">`, whose names must be in lower case, and reads no `traceparent`
tag. Its requests to the page's own server carry `sentry-trace` and `baggage`, and with `propagateTraceparent` a
`traceparent`. It streams its spans, unless `traceLifecycle` is "static"; then a pageload is a transaction.
"""

import threading
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from flask import Flask, render_template_string, request
from werkzeug.serving import WSGIRequestHandler, make_server

import instrument
from instrument.middleware.flask import trace

LIMIT = 30.0
BARE = '<!doctype html><head><meta name="dsn" content="{{ dsn }}"><script type="module" src="/page.js"></script></head>'
PAGE = BARE.replace("</head>", "{{ trace_meta() }}</head>")

BOTH_LIFECYCLES = pytest.mark.parametrize("lifecycle", ["stream", "static"])


class Site:
    """A page with the meta tags at /page, one without at /bare, and /api, which the script of both asks."""

    def __init__(self, dsn, script, browser):
        self.given = self.taken = {}
        """The headers that /page was to pass on, and those that came to /api."""
        self._browser = browser
        self._done = threading.Event()
        app = self._app = trace(Flask("site"), routes=["/page", "/bare", "/api"])

        @app.get("/page")
        def page():
            self.given = instrument.trace_headers()
            return render_template_string(PAGE, dsn=dsn)

        @app.get("/bare")
        def bare():
            return render_template_string(BARE, dsn=dsn)

        @app.get("/page.js")
        def page_script():
            return script, {"Content-Type": "text/javascript"}

        @app.get("/api")
        def api():
            self.taken = {name.lower(): value for name, value in request.headers}
            return "answer"

        @app.post("/done")
        def done():
            self._done.set()
            return ""

    def visit(self, path, **query):
        """Open a page, until its script has done all, and all that was recorded has been sent."""
        with _served(self._app) as url, self._browser.open(f"{url}{path}?{urlencode(query)}"):
            assert self._done.wait(LIMIT), self._browser.log
        assert instrument.flush(LIMIT)


class _Silent(WSGIRequestHandler):
    def log(self, *_):
        pass


@contextmanager
def _served(app):
    """Run an application; when the block ends its requests have ended."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site(sink, script, browser):
    return Site(sink.dsn, script, browser)


@BOTH_LIFECYCLES
def test_the_page_the_browser_and_its_request_are_one_trace(sink, site, lifecycle):
    """The browser would sample nothing by itself: it takes over the page's decision, and all that the page says."""
    release, environment = """it's "1" <&> 2,3; 4=5 %C3""", "Geschäft"
    instrument.init(sink.dsn, release=release, environment=environment)
    site.visit("/page", lifecycle=lifecycle, rate=0)

    spans = sink.ancestry("GET /api", 5)
    assert [span.op for span in spans] == ["http.server", "http.client", "pageload", "template.render", "http.server"]
    page = spans[-1]
    assert {span.trace_id for span in spans} == {page.trace_id}
    assert page.sampling == {
        "trace_id": page.trace_id,
        "public_key": "0123456789abcdef0123456789abcdef",
        "release": release,
        "environment": environment,
        "transaction": "GET /page",
        "sampled": "true",
        "sample_rate": "1.0",
        "sample_rand": page.sampling["sample_rand"],
    }
    assert [span.sampling for span in spans] == [page.sampling] * 5


@BOTH_LIFECYCLES
def test_what_the_page_did_not_sample_the_browser_does_not_send(sink, site, lifecycle):
    decided = []

    def sampler(context):
        decided.append(context["parent_sampled"])
        return bool(context["parent_sampled"])

    instrument.init(sink.dsn, traces_sampler=sampler)
    site.visit("/page", lifecycle=lifecycle, rate=1)
    trace_id, _, sampled = site.taken["sentry-trace"].split("-")
    assert (trace_id, sampled) == (site.given["sentry-trace"][:32], "0")
    assert decided == [None, False]
    assert sink.spans == []


@BOTH_LIFECYCLES
def test_without_the_tags_the_browser_begins_a_trace_which_the_service_continues(sink, site, lifecycle):
    instrument.init(sink.dsn)
    site.visit("/bare", lifecycle=lifecycle, rate=1)
    [page] = sink.ancestry("GET /bare", 1)
    spans = sink.ancestry("GET /api", 3)
    assert [span.op for span in spans] == ["http.server", "http.client", "pageload"]
    load = spans[-1]
    assert load.trace_id != page.trace_id
    assert {span.trace_id for span in spans} == {load.trace_id}
    assert load.sampling["sampled"] == "true"
    assert [span.sampling for span in spans] == [load.sampling] * 3


def test_a_service_that_samples_nothing_by_itself_takes_over_the_browsers_decision(sink, site):
    instrument.init(sink.dsn, traces_sample_rate=0)
    site.visit("/bare", lifecycle="stream", rate=1)
    api, _, load = sink.ancestry("GET /api", 3)
    assert api.sampling == load.sampling
    assert sink.ancestry("GET /bare", 0) == []


def test_the_browsers_traceparent_is_enough(sink, site):
    """The service reads and writes nothing but W3C's headers, and the browser reads no tag of theirs."""
    instrument.init(sink.dsn, propagate=("w3c",))
    site.visit("/page", lifecycle="stream", rate=1, traceparent=1)
    assert set(site.given) == {"traceparent"}
    spans = _, fetch, load = sink.ancestry("GET /api", 3)
    assert [span.op for span in spans] == ["http.server", "http.client", "pageload"]
    assert site.taken["traceparent"] == f"00-{load.trace_id}-{fetch.span_id}-01"
    assert {span.trace_id for span in spans} == {load.trace_id}
    assert load.trace_id not in site.given["traceparent"]
