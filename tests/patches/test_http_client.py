"""Requests with http.client, and with the libraries that are built on it."""

import gc
import http.client
import socket
import threading
import urllib.error
import urllib.request
import weakref

import pytest
import requests
import urllib3

import instrument
from instrument.exporters import Memory
from instrument.patches import HttpClient
from tests.contracts.http_client import HttpContract
from tests.contracts.web import LIMIT, Web


@pytest.fixture
def web():
    with Web() as web:
        yield web


@pytest.fixture
def memory():
    memory = Memory()
    instrument.init(exporter=memory)
    return memory


def connect(web, **options):
    return http.client.HTTPConnection("127.0.0.1", web.port, timeout=LIMIT, **options)


class TestHttpClient(HttpContract):
    follows_redirects = False

    def request(self, method, url, *, headers=None, body=None, timeout=LIMIT):
        _, _, rest = url.partition("://")
        place, _, path = rest.partition("/")
        connection = http.client.HTTPConnection(place, timeout=timeout)
        try:
            connection.request(method, f"/{path}", body, headers or {}, encode_chunked=not isinstance(body, bytes))
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()


class TestUrllib(HttpContract):
    def request(self, method, url, *, headers=None, body=None, timeout=LIMIT):
        asked = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=timeout) as response:
                response.read()
                return response.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code


class TestRequests(HttpContract):
    def request(self, method, url, *, headers=None, body=None, timeout=LIMIT):
        allowed = {} if method != "HEAD" else {"allow_redirects": True}
        with requests.Session() as session:
            return session.request(method, url, headers=headers, data=body, timeout=timeout, **allowed).status_code


class TestUrllib3(HttpContract):
    def request(self, method, url, *, headers=None, body=None, timeout=LIMIT):
        with urllib3.PoolManager(retries=urllib3.Retry(3, connect=0, read=0, other=0, status=0)) as pool:
            return pool.request(method, url, headers=headers, body=body, timeout=timeout).status


def test_a_request_put_together_by_hand_is_recorded(web, memory):
    with instrument.transaction("test", "by hand"):
        connection = connect(web)
        connection.putrequest("POST", "/ok", skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", "somewhere.else")
        connection.putheader("Content-Length", "3")
        connection.putheader("baggage", "a=1", "b=2")
        connection.endheaders()
        connection.send(b"abc")
        connection.getresponse().read()
        connection.close()
    (span,) = memory.transactions[0].spans
    assert (span.description, span.status) == (f"POST {web.url}/ok", "ok")
    assert web.bodies == [b"abc"]
    (baggage,) = web.values("baggage")
    assert baggage.startswith("a=1")


def test_a_request_that_is_never_sent_is_none(web, memory):
    with instrument.transaction("test", "unsent"):
        connection = connect(web)
        connection.putrequest("GET", "/ok")
        connection.close()
        with pytest.raises(http.client.InvalidURL):
            connection.request("GET", "/with a blank")
    assert memory.transactions[0].spans == []


@pytest.mark.parametrize("leave", ["close", "drop", "drop in a cycle"])
def test_a_request_whose_answer_nobody_asks_for_ends_with_its_connection(web, memory, leave):
    with instrument.transaction("test", "unasked"):
        connection = connect(web)
        connection.request("GET", "/ok")
        sock, connection.sock = connection.sock, None
        if leave == "close":
            connection.close()
        elif leave == "drop":
            del connection
        else:
            connection.itself = connection
            del connection
            gc.collect()
        sock.close()
    (span,) = memory.transactions[0].spans
    assert (span.status, span.tags) == ("internal_error", None)


def test_an_answer_that_is_never_read_has_ended_with_its_head(web, memory):
    with instrument.transaction("test", "unread"):
        connection = connect(web)
        connection.request("GET", "/stream")
        connection.getresponse()
        connection.close()
    (span,) = memory.transactions[0].spans
    assert (span.status, span.data["http.response.status_code"]) == ("ok", 200)


def test_asking_again_before_the_answer_was_read_raises_as_ever_and_hurts_no_span(web, memory):
    with instrument.transaction("test", "too early"):
        connection = connect(web)
        connection.request("GET", "/ok")
        with pytest.raises(http.client.CannotSendRequest):
            connection.request("GET", "/404")
        first = connection.getresponse()
        connection.request("GET", "/404")
        with pytest.raises(http.client.ResponseNotReady):
            connection.getresponse()
        first.read()
        connection.getresponse().read()
        connection.close()
    assert [(span.description.rpartition("/")[2], span.status) for span in memory.transactions[0].spans] == [
        ("ok", "ok"),
        ("404", "not_found"),
    ]


def test_a_kept_connection_makes_a_span_for_each_request(web, memory):
    with instrument.transaction("test", "kept"):
        connection = connect(web)
        for _ in range(3):
            connection.request("GET", "/ok")
            connection.getresponse().read()
        connection.close()
    assert [span.status for span in memory.transactions[0].spans] == ["ok"] * 3
    assert len({web.parent(number)[1] for number in range(3)}) == 3


def test_an_answer_before_the_body_was_sent_is_an_answer(memory):
    """A server may refuse a large upload and hang up; the client sees a broken pipe and can still read why."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse():
            peer, _ = listener.accept()
            with peer:
                peer.recv(100)
                peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                peer.shutdown(socket.SHUT_WR)
                done.wait(LIMIT)

        done = threading.Event()
        server = threading.Thread(target=refuse)
        server.start()
        with instrument.transaction("test", "upload"):
            connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=LIMIT)
            connection.connect()

            class Body:
                def __iter__(self):
                    yield b"start"
                    raise BrokenPipeError

            with pytest.raises(BrokenPipeError):
                connection.request("POST", "/", Body(), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            assert connection.getresponse().status == 413
            connection.close()
        done.set()
        server.join(LIMIT)
    (span,) = memory.transactions[0].spans
    assert (span.status, span.data["http.response.status_code"]) == ("failed_precondition", 413)


def test_a_request_through_a_tunnel_names_the_host_behind_it(web, memory):
    with instrument.transaction("test", "tunnel"):
        connection = connect(web)
        connection.set_tunnel("behind.example", web.port, headers={"X-Proxy": "1"})
        connection.request("GET", "/ok")
        connection.getresponse().read()
        connection.close()
    (span,) = memory.transactions[0].spans
    assert span.description == f"GET http://behind.example:{web.port}/ok"
    assert (span.data["network.peer.address"], span.data["network.peer.port"]) == ("127.0.0.1", web.port)
    assert [line for line, _ in web.seen] == [f"CONNECT behind.example:{web.port}", "GET /ok"]
    assert web.values("sentry-trace", 0) == []
    assert web.parent(1)[1] == span.span_id


def test_a_tunnel_that_the_proxy_refuses_ends_the_span(web, memory):
    with instrument.transaction("test", "tunnel"):
        connection = connect(web)
        connection.set_tunnel("behind.example", 1)
        try:
            connection.request("GET", "/ok")
        except OSError as error:
            refused = str(error)
        connection.close()
    assert "403" in refused
    (span,) = memory.transactions[0].spans
    assert (span.description, span.status) == ("GET http://behind.example:1/ok", "internal_error")


def test_a_request_through_a_proxy_names_the_host_behind_it_and_no_password(web, memory):
    with instrument.transaction("test", "proxy"):
        connection = connect(web)
        connection.request("GET", "http://me:secret@behind.example:80/ok?a=1#part")
        connection.getresponse().read()
        connection.close()
    (span,) = memory.transactions[0].spans
    assert (span.description, span.data["url"]) == ("GET http://behind.example/ok", "http://behind.example/ok")
    assert (span.data["http.query"], span.data["http.fragment"]) == ("a=1", "part")
    assert span.data["network.peer.port"] == web.port
    assert "secret" not in repr(span.data)


@pytest.mark.parametrize(
    ("kind", "host", "port", "url"),
    [
        (http.client.HTTPConnection, "a.example", None, "http://a.example/x"),
        (http.client.HTTPConnection, "a.example", 8080, "http://a.example:8080/x"),
        (http.client.HTTPSConnection, "a.example", None, "https://a.example/x"),
        (http.client.HTTPSConnection, "a.example", 80, "https://a.example:80/x"),
        (http.client.HTTPConnection, "::1", 80, "http://[::1]/x"),
        (urllib3.connection.HTTPSConnection, "a.example", 443, "https://a.example/x"),
    ],
)
def test_the_address_is_the_shortest_that_leads_there(memory, kind, host, port, url):
    class Nowhere(kind):
        def connect(self):
            raise ConnectionRefusedError

    with instrument.transaction("test", "address"), pytest.raises(ConnectionRefusedError):
        Nowhere(host, port).request("GET", "/x")
    assert memory.transactions[0].spans[0].description == f"GET {url}"


def test_an_error_raised_by_a_request_carries_the_requests_span(memory, web):
    with instrument.transaction("test", "error"):
        try:
            TestHttpClient().request("GET", f"{web.url}/reset")
        except OSError as error:
            instrument.capture_exception(error)
    assert memory.errors[0].span_id == memory.transactions[0].spans[0].span_id


def test_a_request_keeps_nothing_alive(web, memory):
    gc.disable()
    try:
        with instrument.transaction("test", "short"):
            connection = connect(web)
            connection.request("GET", "/ok")
            response = connection.getresponse()
            response.read()
            watched = weakref.ref(connection), weakref.ref(response)
            connection.close()
            del connection, response
            assert [one() for one in watched] == [None, None]
    finally:
        gc.enable()


def test_with_tracing_off_only_breadcrumbs_are_left(web):
    memory = Memory()
    instrument.init(exporter=memory, integrations=[HttpClient(tracing=False)])
    with instrument.transaction("test", "no tracing"):
        TestHttpClient().request("GET", f"{web.url}/ok")
        instrument.capture_message("afterwards")
    assert (memory.transactions[0].spans, web.values("sentry-trace")) == ([], [])
    assert len(memory.errors[0].breadcrumbs) == 1


def test_our_own_delivery_is_never_traced(tmp_path):
    with Web() as web:
        instrument.init(f"http://key@127.0.0.1:{web.port}/1", spool_dir=tmp_path)
        with instrument.transaction("test", "delivered"):
            pass
        assert instrument.flush(LIMIT)
        assert len(web.seen) == 1
        assert (web.values("sentry-trace"), web.values("baggage"), web.values("traceparent")) == ([], [], [])
        assert instrument.stats().spans.started == 1
        assert not instrument.get_current_scope().breadcrumbs
