"""The second request of a connection and those that follow: cheap, and as careful as the first."""

from __future__ import annotations

import os
import select
import socket
import sys
import threading

import pytest

from instrument._clock import seconds
from instrument.transport import exchange
from instrument.transport.deadline import response_class
from instrument.transport.exchange import Exchange
from instrument.transport.http import HttpTransport
from instrument.transport.kept import KeptConnection
from tests.transport.servers import CERTIFICATE, OK, Server, never, reset, status, trickle, until

KEY = "0123456789abcdef"
HEADERS = {"X-Sentry-Auth": f"Sentry sentry_key={KEY}", "User-Agent": "instrument.python/1", "Content-Type": "text/x"}
LIMIT = 20.0


@pytest.fixture(params=["plain", "tls"])
def server(request):
    with Server(secure=request.param == "tls") as server:
        yield server


@pytest.fixture
def make(server):
    made = []

    def transport(**options):
        if server._secure is not None:
            url, options["ca_file"] = f"https://localhost:{server.port}/api/7/envelope/", str(CERTIFICATE)
        else:
            url = server.url
        made.append(HttpTransport(url, HEADERS, **options))
        assert made[-1].send(b"first").outcome == "accepted"
        return made[-1]

    yield transport
    for each in made:
        each.close()


def assert_something_has_come(transport):
    """Wait until the socket has something to read, which may be its end."""
    assert select.select([transport._exchange.sock], [], [], LIMIT)[0]


def send_in_a_hurry(transport, body):
    """Send with little time, which neither the request before nor the one after is bound to."""
    usual, transport._total_seconds = transport._total_seconds, 0.3
    try:
        return transport.send(body)
    finally:
        transport._total_seconds = usual


def ports(server):
    return [request.port for request in server.received]


def test_the_next_requests_have_the_head_of_the_first(server, make):
    transport = make()
    bodies = [b"second", os.urandom(100) * 100, b"fourth"]
    assert [transport.send(body).outcome for body in bodies] == ["accepted"] * 3
    first, *others = server.received
    assert [other.body for other in others] == bodies
    assert [other.headers.pop("content-encoding", None) for other in others] == [None, "gzip", None]
    assert [int(other.headers.pop("content-length")) for other in others] == [len(other.raw_body) for other in others]
    del first.headers["content-length"]
    assert all((other.line, other.headers) == (first.line, first.headers) for other in others)
    assert first.headers["accept-encoding"] == "identity"
    assert len(set(ports(server))) == 1


def test_the_next_requests_take_few_calls(server, make):
    transport = make()
    names = []
    sys.setprofile(lambda frame, event, arg: names.append(frame.f_code.co_name) if event == "call" else None)
    try:
        answer = transport.send(b"second")
    finally:
        sys.setprofile(None)
    assert answer.outcome == "accepted"
    assert len(names) <= 50, names


def test_a_head_is_not_shown(make):
    transport = make()
    assert KEY not in repr([transport._exchange, *transport._idle])


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (status(202, body=b"abc"), ("accepted", 202, b"abc")),
        (status(200, "Content-Type: text/html", body=b"<html>"), ("unreachable", 200, b"<html>")),
        (status(307, "Location: http://127.0.0.1:1/"), ("later", 307, b"")),
        (status(413), ("refused", 413, b"")),
        (status(503, "Connection: Keep-Alive"), ("later", 503, b"")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ("accepted", 204, b"")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ("accepted", 200, b"abc")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, ("accepted", 200, b"{}")),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", ("accepted", 200, b"{}")),
        (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n{}", ("accepted", 200, b"{}")),
        (status(200, body=b"a" * 65536), ("accepted", 200, b"a" * 65536)),
    ],
)
def test_an_answer_that_has_come_to_its_end_leaves_the_connection_open(server, make, reply, expected):
    transport = make()
    server.answer = reply
    answer = transport.send(b"second")
    assert (answer.outcome, answer.status, answer.body) == expected
    server.answer = OK
    assert transport.send(b"third").outcome == "accepted"
    assert len(set(ports(server))) == 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (status(200, "Connection: close", body=b"abc"), ("accepted", 200, b"abc")),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", ("accepted", 200, b"abc")),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc", ("accepted", 200, b"abc")),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", ("later", 103, b"")),
        (OK + b"HTTP/1.1 500 Nobody asked\r\n\r\n", ("accepted", 200, b"{}")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 ", ("accepted", 200, b"")),
        (status(200, body=b"a" * 300_000), ("accepted", 200, b"a" * 65536)),
        (b"nonsense\r\n\r\n", ("unreachable", None, b"")),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", ("unreachable", None, b"")),
        (b"HTTP/1.1 200 OK\r\n" + b"X: %b\r\n" % (b"a" * 1000) * 80 + b"\r\n", ("unreachable", None, b"")),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n", ("unreachable", None, b"")),
    ],
)
def test_an_answer_that_leaves_the_connection_in_doubt_is_its_last(server, make, reply, expected):
    transport = make()
    server.answer = reply
    answer = transport.send(b"second")
    assert (answer.outcome, answer.status, answer.body) == expected
    server.answer = OK
    assert transport.send(b"third").outcome == "accepted"
    first, second, third = ports(server)
    assert first == second != third


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"", ("unreachable", None, b"")),
        (b"HTTP/1.1 20", ("unreachable", None, b"")),
        (b"HTTP/1.1 200 OK\r\n", ("accepted", 200, b"")),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", ("accepted", 200, b"until the end")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", ("accepted", 200, b"")),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nshort", ("accepted", 200, b"")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ("accepted", 200, b"")),
    ],
)
def test_an_answer_that_breaks_off_is_not_asked_for_twice(server, make, reply, expected):
    transport = make()
    server.answer = lambda request, connection: connection.sendall(reply)
    answer = transport.send(b"second")
    assert (answer.outcome, answer.status, answer.body) == expected
    assert [request.body for request in server.received] == [b"first", b"second"]
    server.answer = OK
    assert transport.send(b"third").outcome == "accepted"


def test_a_connection_that_is_reset_in_the_answer_is_given_up(server, make):
    transport = make()
    server.answer = lambda request, connection: reset(connection)
    assert transport.send(b"second").outcome == "unreachable"
    server.answer = OK
    assert transport.send(b"third").outcome == "accepted"
    assert [request.body for request in server.received] == [b"first", b"second", b"third"]


def test_a_connection_that_the_server_closed_meanwhile_is_noticed_before_anything_is_sent(server, make):
    transport = make()
    server.answer = lambda request, connection: connection.sendall(OK)
    assert transport.send(b"second").outcome == "accepted"
    assert_something_has_come(transport)
    server.answer = OK
    assert transport.send(b"third").outcome == "accepted"
    assert [request.body for request in server.received] == [b"first", b"second", b"third"]
    assert ports(server)[1] != ports(server)[2]


def test_more_than_the_first_answer_is_no_answer_to_the_second_request(server, make):
    server.answer = OK + status(413)
    transport = make()
    server.answer = OK
    assert transport.send(b"second").outcome == "accepted"
    assert len(set(ports(server))) == 2


@pytest.mark.parametrize("count", [1, 2])
def test_words_between_two_requests_are_no_answer(server, make, count):
    is_idle = threading.Event()

    def answer(_, connection):
        if len(server.received) != count:
            return OK
        connection.sendall(OK)
        is_idle.wait(LIMIT)
        return status(413)

    server.answer = answer
    transport = make()
    for _ in range(1, count):
        transport.send(b"x")
    is_idle.set()
    assert_something_has_come(transport)
    assert transport.send(b"last").outcome == "accepted"
    assert len(set(ports(server))) == 2


def test_an_answer_is_read_also_when_the_request_could_not_be_sent():
    ours, theirs = socket.socketpair()
    theirs.sendall(status(413))
    theirs.close()
    exchange = Exchange(ends=seconds() + LIMIT)
    connection = KeptConnection(ours, exchange, response_class(exchange), b"POST / HTTP/1.1\r\n")
    assert connection.post(b"x", is_packed=False).status == 413
    assert not exchange.is_clean
    connection.close()


def test_a_compressed_first_request_does_not_make_the_next_one_compressed():
    with Server() as server:
        transport = HttpTransport(server.url, HEADERS)
        assert [transport.send(b"x" * size).outcome for size in (5000, 5)] == ["accepted"] * 2
        transport.close()
    assert [request.headers.get("content-encoding") for request in server.received] == ["gzip", None]
    assert [len(request.body) for request in server.received] == [5000, 5]


def test_a_request_that_is_refused_before_it_was_read_is_refused(server, make):
    transport = make()

    def refuse(connection):
        connection.sendall(status(413))
        socket.socket.shutdown(connection, socket.SHUT_WR)

    server.before_body = refuse
    assert transport.send(b"second").outcome == "refused"
    server.before_body = None
    assert_something_has_come(transport)
    assert transport.send(b"third").outcome == "accepted"


@pytest.mark.parametrize("silence", [never, trickle])
def test_a_server_that_falls_silent_or_nearly_is_given_up(server, make, silence):
    transport = make()
    server.answer = silence(server.ended)
    answer = send_in_a_hurry(transport, b"second")
    assert (answer.outcome, answer.detail) == ("unreachable", "TimeoutError")
    server.answer = OK
    assert transport.send(b"third").outcome == "accepted"


def test_a_body_that_trickles_in_is_left_once_the_status_is_known(server, make):
    transport = make()

    def answer(_, connection):
        connection.sendall(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 1000000\r\n\r\n")
        while not server.ended.wait(0.02):
            connection.sendall(b"a")

    server.answer = answer
    answer = send_in_a_hurry(transport, b"second")
    assert (answer.outcome, answer.status, answer.body) == ("later", 429, b"")
    assert answer.headers["retry-after"] == "7"
    server.answer = OK
    assert transport.send(b"third").outcome == "accepted"


@pytest.mark.parametrize("is_first", [True, False])
def test_a_server_that_reads_slowly_is_given_up(server, make, is_first):
    server._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    transport = make()
    if is_first:
        transport.close()

    def sip(connection):
        while not server.ended.wait(0.01) and connection.recv(1000):
            pass

    server.before_body = sip
    answer = send_in_a_hurry(transport, os.urandom(6_000_000))
    assert (answer.outcome, answer.detail) == ("unreachable", "TimeoutError")


def test_an_answer_in_single_bytes_is_an_answer(server, make):
    transport = make()

    def answer(_, connection):
        for byte in status(200, "X-Sentry-Rate-Limits: 1", "x-sentry-rate-limits: 2", body=b"abc"):
            connection.sendall(bytes([byte]))
        return b""

    server.answer = answer
    answer = transport.send(b"second")
    assert (answer.outcome, answer.body) == ("accepted", b"abc")
    assert answer.headers["x-sentry-rate-limits"] == "1, 2"
    server.answer = OK
    assert transport.send(b"third").outcome == "accepted"
    assert len(set(ports(server))) == 1


def test_closing_from_another_thread_breaks_off_a_send(server, make):
    transport = make(total_seconds=LIMIT * 2)
    server.answer = never(server.ended)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(transport.send(b"second")))
    thread.start()
    server.wait_for(2)
    transport.close()
    thread.join(LIMIT)
    assert [answer.outcome for answer in answers] == ["unreachable"]
    server.answer = OK
    assert transport.send(b"third").outcome == "accepted"


def test_closing_lets_go_of_an_idle_connection(server, make):
    used = []

    def answer(_, connection):
        used.append(connection)
        return OK

    server.answer = answer
    transport = make()
    transport.send(b"second")
    transport.close()
    assert until(lambda: used[0].fileno() < 0)
    assert transport.send(b"third").outcome == "accepted"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_amid_a_request_closes_the_socket_and_opens_its_own(server, make):
    transport = make()
    go_on, answers = threading.Event(), []

    def answer(request, _):
        if request.body == b"second":
            go_on.wait(LIMIT)
        return OK

    server.answer = answer
    thread = threading.Thread(target=lambda: answers.append(transport.send(b"second")))
    thread.start()
    server.wait_for(2)
    child = os.fork()
    if not child:
        outcome = "died"
        try:
            outcome = transport.send(b"child").outcome
            transport.close()
        finally:
            os._exit(0 if outcome == "accepted" else 1)
    assert os.waitpid(child, 0)[1] == 0
    go_on.set()
    thread.join(LIMIT)
    assert [answer.outcome for answer in answers] == ["accepted"]
    assert transport.send(b"last").outcome == "accepted"
    first, second, of_child, last = server.received
    assert first.port == second.port == last.port != of_child.port


def test_every_request_to_a_proxy_is_one_for_a_proxy():
    with Server() as server:
        transport = HttpTransport("http://collector.invalid/api/", HEADERS, proxy=server.url)
        assert [transport.send(b"x").outcome for _ in range(3)] == ["accepted"] * 3
        transport.close()
    assert {request.line for request in server.received} == {"POST http://collector.invalid/api/ HTTP/1.1"}


def test_a_server_of_the_old_version_that_keeps_connections_open_is_served_as_well():
    with Server(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n") as server:
        transport = HttpTransport(server.url, HEADERS)
        assert [transport.send(b"x").outcome for _ in range(3)] == ["accepted"] * 3
        transport.close()
    assert server.connections == 1


def in_two_pieces(request, connection):
    """As Python's own http.server does it: the second piece waits until the first one is acknowledged."""
    head, end, body = OK.partition(b"\r\n\r\n")
    connection.sendall(head + end)
    return body


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a program has no say in when it is acknowledged")
def test_an_answer_in_two_pieces_does_not_wait_for_an_acknowledgement_that_is_put_off(monkeypatch):
    def taken(count):
        with Server(in_two_pieces) as server:
            transport = HttpTransport(server.url, HEADERS)
            begin = seconds()
            assert [transport.send(b"x").outcome for _ in range(count)] == ["accepted"] * count
            transport.close()
            return seconds() - begin

    at_once = min(taken(30) for _ in range(3))
    monkeypatch.setattr(exchange, "ACKNOWLEDGE_AT_ONCE", None)
    assert at_once < taken(30) / 2
