"""What a WSGI application and a server may do with each other, one case at a time."""

import gc
import http.client
import io
import weakref
import wsgiref.util

import pytest

import instrument
from instrument import add_breadcrumb, capture_message, set_tag, span
from instrument.middleware.wsgi import Tracing
from instrument.testing import record
from tests.middleware.test_wsgi import wsgiref_server

PARENT = "0123456789abcdef0123456789abcdef-00f067aa0ba902b7-1"


def environ(path="/users/7", **more):
    made = {"PATH_INFO": path, "SCRIPT_NAME": "", **more}
    wsgiref.util.setup_testing_defaults(made)
    return made


class Server:
    """The least that calls an application."""

    def __init__(self, app):
        self.app = app
        self.statuses = []
        self.written = []

    def start_response(self, status, headers, exc_info=None):
        self.statuses.append((status, exc_info is not None))
        return self.written.append

    def ask(self, path="/users/7", **more):
        body = self.app(environ(path, **more), self.start_response)
        try:
            return b"".join(body)
        finally:
            if hasattr(body, "close"):
                body.close()


def hello(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]


def test_a_body_that_is_there_as_a_whole_stays_what_it_is():
    body = [b"hello"]

    def app(environ, start_response):
        start_response("200 OK", [])
        return body

    with record() as recorded:
        assert Tracing(app)(environ(), lambda *_: None) is body
        assert recorded.transactions[0].status == "ok"


def test_a_file_stays_what_it_is_and_ends_the_request_when_it_is_closed():
    file = io.BytesIO(b"content")

    def app(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    with record() as recorded:
        body = Tracing(app)(environ(**{"wsgi.file_wrapper": wsgiref.util.FileWrapper}), lambda *_: None)
        assert type(body) is wsgiref.util.FileWrapper
        assert body.filelike is file
        assert list(body) == [b"content"]
        assert recorded.transactions == []
        body.close()
        assert file.closed
        assert [item.status for item in recorded.transactions] == ["ok"]


def test_the_status_may_come_late():
    def app(environ, start_response):
        start_response("404 Not Found", [])
        yield b"no"

    with record() as recorded:
        Server(Tracing(app)).ask()
    assert (recorded.transactions[0].name, recorded.transactions[0].status) == ("GET <unmatched>", "not_found")


def test_of_two_statuses_the_second_counts_and_the_server_gets_both():
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            raise ValueError
        except ValueError:
            import sys

            start_response("503 Later", [], sys.exc_info())
        return [b""]

    server = Server(Tracing(app))
    with record() as recorded:
        server.ask()
    assert recorded.transactions[0].status == "unavailable"
    assert server.statuses == [("200 OK", False), ("503 Later", True)]


def test_what_start_response_returns_is_the_servers():
    def app(environ, start_response):
        start_response("200 OK", [])(b"written")
        return []

    server = Server(Tracing(app))
    with record():
        server.ask()
    assert server.written == [b"written"]


@pytest.mark.parametrize("status", ["", "abc", "20", "²⁰⁰ ok", "2000", b"200 OK", None])
def test_a_status_that_is_none_reaches_the_server_all_the_same(status):
    def app(environ, start_response):
        start_response(status, [])
        return []

    server = Server(Tracing(app))
    with record() as recorded:
        server.ask()
    assert server.statuses == [(status, False)]
    assert len(recorded.transactions) == 1


def test_close_is_called_once_where_the_request_is_current_and_its_error_is_captured():
    class Body:
        def __iter__(self):
            return iter([b"x"])

        def close(self):
            raise ValueError(instrument.get_current_scope().tags["number"])

    def app(environ, start_response):
        set_tag("number", 7)
        start_response("200 OK", [])
        return Body()

    with record() as recorded, pytest.raises(ValueError, match="7"):
        Server(Tracing(app)).ask()
    assert recorded.errors[0].trace_id == recorded.transactions[0].trace_id
    assert recorded.errors[0].span_id == recorded.transactions[0].span_id


def test_nothing_of_a_request_is_current_between_its_parts():
    def app(environ, start_response):
        start_response("200 OK", [])
        set_tag("inside", "x")
        with span("held", "open across a part"):
            yield b"a"
            with span("inner", "under it"):
                yield b"b"

    with record() as recorded:
        body = Tracing(app)(environ(), lambda *_: None)
        for part in body:
            assert part in (b"a", b"b")
            assert instrument.get_current_span() is None
            assert instrument.get_current_scope().tags == {}
    held, inner = recorded.transactions[0].spans
    assert (held.parent_span_id, inner.parent_span_id) == (recorded.transactions[0].span_id, held.span_id)


def test_a_body_that_nobody_closes_ends_when_it_is_dropped():
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"a"
        yield b"b"

    with record() as recorded:
        body = Tracing(app)(environ(), lambda *_: None)
        next(body)
        del body
        gc.collect()
    assert recorded.transactions[0].status == "cancelled"


def test_a_request_is_freed_without_the_collector():
    class Body:
        def __iter__(self):
            return iter([b"x"])

    made = []

    def app(environ, start_response):
        start_response("200 OK", [])
        made.append(weakref.ref(instrument.get_current_scope()))
        return Body() if environ["PATH_INFO"] == "/body" else [b"x"]

    def broken(environ, start_response):
        made.append(weakref.ref(instrument.get_current_scope()))
        raise ValueError

    gc.disable()
    try:
        with record():
            Server(Tracing(app)).ask()
            Server(Tracing(app)).ask("/body")
            with pytest.raises(ValueError):
                Server(Tracing(broken)).ask()
            assert [reference() for reference in made[:2]] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_an_error_passes_unchanged(kind):
    error = kind("x")

    def app(environ, start_response):
        raise error

    with record() as recorded:
        with pytest.raises(kind) as raised:
            Server(Tracing(app)).ask()
        assert instrument.get_current_span() is None
    assert raised.value is error
    assert len(recorded.errors) == 1
    assert recorded.transactions[0].tags["http.status_code"] == "500"


@pytest.mark.parametrize("error", [SystemExit(0), SystemExit(), GeneratorExit(), KeyboardInterrupt()])
def test_what_only_ends_the_program_is_no_error(error):
    def app(environ, start_response):
        raise error

    with record() as recorded, pytest.raises(type(error)):
        Server(Tracing(app)).ask()
    assert recorded.errors == []


def test_two_around_one_app_are_one_transaction_and_one_error():
    def app(environ, start_response):
        raise ValueError

    with record() as recorded, pytest.raises(ValueError):
        Server(Tracing(Tracing(app))).ask()
    assert (len(recorded.transactions), len(recorded.errors)) == (1, 1)


def test_the_three_jobs_can_be_three_middlewares():
    def app(environ, start_response):
        set_tag("inside", "x")
        start_response("200 OK", [])
        raise ValueError

    request = {"transactions": False, "errors": False}
    tracing = {"isolation": False, "errors": False}
    errors = {"isolation": False, "transactions": False}
    with record() as recorded, pytest.raises(ValueError):
        Server(Tracing(Tracing(Tracing(app, **errors), **tracing), **request)).ask(HTTP_SENTRY_TRACE=PARENT)
    (item,), (error,) = recorded.transactions, recorded.errors
    assert (item.trace_id, item.status, item.tags["inside"]) == (PARENT[:32], "internal_error", "x")
    assert (error.trace_id, error.span_id, error.tags) == (item.trace_id, item.span_id, {"inside": "x"})
    assert error.request["url"] == item.request["url"] == "http://127.0.0.1/users/7"


def test_without_isolation_the_transaction_is_on_the_scope_that_holds():
    def app(environ, start_response):
        set_tag("left", "behind")
        return hello(environ, start_response)

    with record() as recorded:
        Server(Tracing(app, isolation=False)).ask()
        assert instrument.get_current_scope().tags == {"left": "behind"}
    assert recorded.transactions[0].tags["left"] == "behind"


def test_without_transactions_there_is_a_scope_and_errors():
    def app(environ, start_response):
        add_breadcrumb(message="inside")
        raise ValueError

    with record() as recorded, pytest.raises(ValueError):
        Server(Tracing(app, transactions=False)).ask()
    assert recorded.transactions == []
    assert recorded.errors[0].breadcrumbs[0]["message"] == "inside"


def test_without_errors_nothing_is_captured():
    def app(environ, start_response):
        raise ValueError

    with record() as recorded, pytest.raises(ValueError):
        Server(Tracing(app, errors=False)).ask()
    assert recorded.errors == []
    assert recorded.transactions[0].status == "internal_error"


def test_the_sampler_sees_the_request():
    seen = []
    with record(traces_sampler=lambda context: seen.append(context) or 0.0) as recorded:
        asked = environ("/users/7", HTTP_X_SHOP="north", HTTP_SENTRY_TRACE=PARENT)
        list(Tracing(hello)(asked, lambda *_: None))
    (context,) = seen
    assert context["request"] == {
        "method": "GET",
        "path": "/users/7",
        "route": None,
        "headers": {"host": "127.0.0.1", "x-shop": "north", "sentry-trace": PARENT},
    }
    assert context["wsgi_environ"] is asked
    assert (context["parent_sampled"], context["transaction_context"]["op"]) == (True, "http.server")
    assert recorded.transactions == []


def test_methods_and_prefixes_choose_what_is_a_transaction():
    app = Tracing(hello, methods=("GET", "HEAD"), routes=["/api", "/pages/"])
    with record() as recorded:
        for method in ("GET", "HEAD", "POST"):
            for path in ("/api/x", "/api", "/apix", "/pages/1", "/"):
                Server(app).ask(path, REQUEST_METHOD=method)
    assert [item.name for item in recorded.transactions] == [
        f"{method} {path}" for method in ("GET", "HEAD") for path in ("/api/x", "/api", "/pages/1")
    ]


def test_health_checks_are_recorded_where_that_is_wanted():
    with record(health_checks=True) as recorded:
        Server(Tracing(hello)).ask("/healthz")
    assert [item.name for item in recorded.transactions] == ["GET /healthz"]


def test_personal_data_is_sent_where_that_is_wanted():
    asked = {
        "HTTP_COOKIE": "theme=dark",
        "HTTP_X_FORWARDED_FOR": "1.2.3.4, 5.6.7.8",
        "REMOTE_ADDR": "9.9.9.9",
        "HTTP_X_REAL_IP": "1.2.3.4",
    }
    with record(send_default_pii=True) as recorded:
        Server(Tracing(hello)).ask(**asked)
    request = recorded.transactions[0].request
    assert request["env"]["REMOTE_ADDR"] == "1.2.3.4"
    assert request["headers"]["X-Real-Ip"] == "1.2.3.4"
    with record() as recorded:
        Server(Tracing(hello)).ask(**asked)
    assert "1.2.3.4" not in str(recorded.transactions[0].request)
    assert "9.9.9.9" not in str(recorded.transactions[0].request)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"HTTP_HOST": "shop.example:80"}, "http://shop.example/users/7"),
        ({"HTTP_HOST": "shop.example:443", "wsgi.url_scheme": "https"}, "https://shop.example/users/7"),
        ({"HTTP_HOST": "shop.example:8080"}, "http://shop.example:8080/users/7"),
        ({"HTTP_HOST": "[::1]:8080"}, "http://[::1]:8080/users/7"),
        ({"HTTP_HOST": "evil@host/path?x", "SERVER_NAME": "own", "SERVER_PORT": "81"}, "http://own:81/users/7"),
        ({"HTTP_HOST": "", "SERVER_NAME": "::1", "SERVER_PORT": "80"}, "http://[::1]/users/7"),
        ({"HTTP_HOST": "x\r\ny", "SERVER_NAME": "", "SERVER_PORT": ""}, "/users/7"),
        ({"SCRIPT_NAME": "/shop"}, "http://127.0.0.1/shop/users/7"),
    ],
)
def test_the_url_is_put_together_from_what_can_be_trusted(given, url):
    with record() as recorded:
        Server(Tracing(hello)).ask(**given)
    assert recorded.transactions[0].request["url"] == url


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "GET /"),
        ("http://user:secret@evil/x", "GET /x"),
        ("/caf\xc3\xa9", "GET /café"),
        ("/a\r\nb\x00", "GET /a%0D%0Ab%00"),
        ("/\xff\xfe", "GET /��"),
    ],
)
def test_odd_paths_are_names_in_one_line(path, name):
    with record() as recorded:
        Server(Tracing(hello)).ask(path)
    assert recorded.transactions[0].name == name


@pytest.mark.parametrize("length", ["", "x", "-5", "99999999999999999999", "1e3"])
def test_a_wrong_content_length_does_not_matter(length):
    with record() as recorded:
        Server(Tracing(hello)).ask(CONTENT_LENGTH=length, REQUEST_METHOD="POST")
    assert len(recorded.transactions) == 1


def test_a_request_in_a_request_is_one_of_its_own():
    inner = Tracing(hello)

    def app(environ, start_response):
        Server(inner).ask("/inner")
        capture_message("after")
        return hello(environ, start_response)

    with record() as recorded:
        Server(Tracing(app)).ask("/outer")
    assert [item.name for item in recorded.transactions] == ["GET /inner", "GET /outer"]
    assert recorded.errors[0].span_id == recorded.transactions[1].span_id


def test_nothing_is_recorded_before_init_and_in_suppressed_blocks():
    instrument.close()
    assert Server(Tracing(hello)).ask() == b"hello"
    with record() as recorded, instrument.suppress():
        Server(Tracing(hello)).ask()
    assert recorded.transactions == []


def test_a_request_knows_nothing_of_what_is_current_around_its_server():
    seen = []

    def app(environ, start_response):
        seen.append(instrument.get_current_span())
        return hello(environ, start_response)

    with record() as recorded, instrument.transaction("test", "around") as around:
        set_tag("outside", "x")
        Server(Tracing(app)).ask(REQUEST_METHOD="HEAD")
        Server(Tracing(app)).ask()
        assert instrument.get_current_transaction() is around
    assert seen[0] is None
    assert recorded.transactions[0].trace_id != around.trace_id
    assert recorded.transactions[0].tags == {"http.status_code": "200"}


def test_a_health_check_is_not_even_started():
    with record() as recorded:
        Server(Tracing(hello)).ask("/healthz")
    assert recorded.stats().transactions.started == 0


def test_the_headers_of_the_trace_are_its_context_and_not_shown_again():
    sampled = []
    given = {"HTTP_SENTRY_TRACE": PARENT, "HTTP_BAGGAGE": "vendor=1", "HTTP_TRACEPARENT": "x", "HTTP_TRACESTATE": "a=1"}
    with record(traces_sampler=lambda context: sampled.append(context["request"]["headers"]) or 1) as recorded:
        Server(Tracing(hello)).ask(**given)
    assert recorded.transactions[0].request["headers"] == {"Host": "127.0.0.1"}
    assert sampled[0]["sentry-trace"] == PARENT and sampled[0]["baggage"] == "vendor=1"


def test_personal_headers_are_filtered_before_anybody_sees_them():
    seen = []

    def app(environ, start_response):
        seen.append(instrument.get_current_scope().request["headers"])
        return hello(environ, start_response)

    with record():
        Server(Tracing(app)).ask(HTTP_COOKIE="a=b", HTTP_X_REAL_IP="1.2.3.4", HTTP_ACCEPT="*/*")
    assert seen == [{"Host": "127.0.0.1", "Cookie": "[Filtered]", "X-Real-Ip": "[Filtered]", "Accept": "*/*"}]


@pytest.mark.parametrize("is_sized", [True, False])
def test_a_body_says_how_many_parts_it_has_if_it_did_so_before(is_sized):
    class Parts:
        def __iter__(self):
            return iter([b"hello"])

    class SizedParts(Parts):
        def __len__(self):
            return 1

    def app(environ, start_response):
        start_response("200 OK", [])
        return SizedParts() if is_sized else Parts()

    with record(), wsgiref_server(Tracing(app)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/sized")
        answer = connection.getresponse()
        assert (answer.getheader("Content-Length"), answer.read()) == ("5" if is_sized else None, b"hello")
        connection.close()
