"""Requests with http.client, and with the libraries that are built on it."""

import gc
import http.client
import os
import socket
import ssl
import threading
import urllib.error
import urllib.request
import weakref
from pathlib import Path
from time import perf_counter_ns

import pytest
import requests
import urllib3

import instrument
from instrument.exporters import Memory
from instrument.patches import HttpClient, http_client
from tests.contracts.http_client import HttpContract
from tests.contracts.web import LIMIT, Web, closed_port

CERTIFICATE = Path(__file__).parents[1] / "transport" / "localhost.pem"


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
        (http.client.HTTPConnection, "me:secret@a.example:8080", None, "http://a.example:8080/x"),
        (http.client.HTTPConnection, "me:secret@[::1]:8080", None, "http://[::1]:8080/x"),
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


class TlsWeb(Web):
    """The same over TLS; its certificate is `CERTIFICATE`."""

    def __enter__(self):
        super().__enter__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self.port}"
        return self


@pytest.fixture
def tls_web():
    with TlsWeb() as web:
        yield web


def asked(memory, url, **options):
    """The one span of a GET by requests, and its answer or the error."""
    with instrument.transaction("test", "tls"), requests.Session() as session:
        try:
            outcome = session.get(url, timeout=LIMIT, **options)
        except requests.RequestException as error:
            outcome = error
    (span,) = memory.transactions[-1].spans
    return span, outcome


def test_a_refused_connection_for_tls_is_one_span(memory):
    url = f"https://127.0.0.1:{closed_port()}/ok"
    span, error = asked(memory, f"{url}?a=1")
    assert isinstance(error, requests.ConnectionError)
    assert (span.op, span.description, span.status) == ("http.client", f"GET {url}", "internal_error")
    assert (span.data["http.query"], span.data["sentry.origin"]) == ("a=1", TestRequests.origin)
    assert span.end_ticks > span.start_ticks
    crumb = instrument.get_current_scope().breadcrumbs[-1]
    assert (crumb["level"], crumb["data"]["url"]) == ("error", url)


def test_a_certificate_that_is_not_trusted_is_one_span(memory, tls_web):
    span, error = asked(memory, f"{tls_web.url}/ok")
    assert isinstance(error, requests.exceptions.SSLError)
    assert (span.description, span.status) == (f"GET {tls_web.url}/ok", "internal_error")


def test_a_request_over_tls_is_one_span_that_lasts_from_the_handshake_on(memory, tls_web, monkeypatch):
    connect, connected = urllib3.connection.HTTPSConnection.connect, []

    def noting(connection):
        connect(connection)
        connected.append(perf_counter_ns())

    monkeypatch.setattr(urllib3.connection.HTTPSConnection, "connect", noting)
    span, answer = asked(memory, f"{tls_web.url}/ok", verify=str(CERTIFICATE))
    assert (answer.status_code, span.description, span.status) == (200, f"GET {tls_web.url}/ok", "ok")
    assert span.start_ticks < connected[0] < span.end_ticks
    with instrument.transaction("test", "kept"), requests.Session() as session:
        for _ in range(3):
            session.get(f"{tls_web.url}/ok", verify=str(CERTIFICATE), timeout=LIMIT)
    assert [one.status for one in memory.transactions[-1].spans] == ["ok"] * 3
    assert len(connected) == 2


def test_a_tunnel_that_is_refused_before_a_request_over_tls_is_one_span(memory, web):
    span, error = asked(memory, "https://behind.example:1/ok", proxies={"https": web.url})
    assert isinstance(error, requests.exceptions.ProxyError)
    assert (span.description, span.status) == ("CONNECT https://behind.example:1", "internal_error")
    assert span.data["network.peer.port"] == web.port


def test_a_request_over_tls_that_cannot_be_put_together_is_none(memory, tls_web):
    pool = urllib3.PoolManager(ca_certs=str(CERTIFICATE))
    with instrument.transaction("test", "tls"), pool, pytest.raises((ValueError, TypeError)):
        pool.request("GET", f"{tls_web.url}/ok", headers={"x": "a\nb"})
    assert memory.transactions[-1].spans == []


@pytest.mark.parametrize("off", ["urllib3", "http.client"])
def test_without_one_of_the_two_patches_the_other_harms_nothing(memory, tls_web, off):
    instrument.unpatch(off)
    with instrument.transaction("test", "tls"), requests.Session() as session:
        with pytest.raises(requests.ConnectionError):
            session.get(f"https://127.0.0.1:{closed_port()}/", timeout=LIMIT)
        assert session.get(f"{tls_web.url}/ok", verify=str(CERTIFICATE), timeout=LIMIT).text == "ok"
    assert len(memory.transactions[-1].spans) == (1 if off == "urllib3" else 0)


@pytest.mark.parametrize("how", ["read", "close", "drop"])
def test_of_a_streamed_body_the_span_says_when_it_had_been_read(memory, web, how):
    with instrument.transaction("test", "streamed"):
        connection = connect(web)
        connection.request("GET", "/stream")
        response = connection.getresponse()
        fetched = response.fp
        if how == "read":
            assert response.read() == b"abcde"
        elif how == "close":
            response.close()
        else:
            del response
            connection.close()
        assert fetched.closed
        connection.close()
    (span,) = memory.transactions[-1].spans
    assert (span.status, span.data["http.response.body_seconds"] >= 0) == ("ok", True)


def test_a_short_body_has_no_time_of_its_own(memory, web):
    with instrument.transaction("test", "short"):
        TestHttpClient().request("GET", f"{web.url}/ok")
        TestHttpClient().request("HEAD", f"{web.url}/stream")
    assert all("http.response.body_seconds" not in span.data for span in memory.transactions[-1].spans)


def test_a_connection_stays_as_quick_as_it_was(memory, web):
    """An object whose `__dict__` somebody has asked for finds all its attributes more slowly, from then on."""
    source = Path(http_client.__file__).read_text("utf-8")
    assert "connection.__dict__" not in source and "vars(connection)" not in source


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_requests_of_a_forked_child_have_ids_of_their_own(web, memory):
    """Ids of spans that are told to servers are drawn ahead, and a child starts with what its parent had in store."""
    with instrument.transaction("test", "fork"):
        for _ in range(5):
            TestHttpClient().request("GET", f"{web.url}/ok")
        child = os.fork()
        if not child:
            try:
                for _ in range(3):
                    TestHttpClient().request("GET", f"{web.url}/ok")
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        for _ in range(3):
            TestHttpClient().request("GET", f"{web.url}/ok")
    ids = [web.parent(number)[1] for number in range(11)]
    assert len(set(ids)) == 11
