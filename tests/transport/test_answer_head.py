"""The parser of plain heads: what it reads is what http.client reads, and what it is not sure of it leaves alone."""

from __future__ import annotations

import io
import socket
from http.client import HTTPException, HTTPResponse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument._clock import seconds
from instrument.transport.answer_head import merged, parse
from instrument.transport.deadline import response_class
from instrument.transport.exchange import Exchange
from instrument.transport.kept import FAILURES, KeptConnection

LIMIT = 20.0
NAMES = st.text("abcXYZ019-_!#$%&'*+.^`|~", min_size=1, max_size=12).map(lambda name: f"X{name}")
VALUES = st.text([chr(code) for code in range(0x20, 0x7F)] + ["\t"], max_size=30)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=12)
STATUSES = st.integers(200, 999).filter(lambda status: status not in (204, 304))
BROKEN = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b":",
        b"\x00",
        b"\xff",
        b"\x85",
        b"\x0b",
        b"HTTP/1.0 200 OK\r\n",
        b"\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 7\r\n",
        b"Connection: close\r\n",
        b"Content-Length: -1\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 204 None\r\n",
        b" folded\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
    ]
)


class Bytes:
    """What http.client reads from instead of a socket."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def by_http_client(data: bytes) -> HTTPResponse:
    response = HTTPResponse(Bytes(data), method="POST")
    response.begin()
    return response


def head_of(status: int, fields: list[tuple[str, str]], reason: str, length: int) -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode("ascii")


@st.composite
def damaged_answers(draw: st.DrawFn) -> bytes:
    """An answer that is sound, or has something put in, cut out or cut off anywhere."""
    body = draw(st.binary(max_size=20))
    data = head_of(draw(STATUSES), draw(FIELDS), draw(VALUES), len(body)) + body
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        until = draw(st.integers(at, min(at + 8, len(data))))
        data = data[:at] + draw(BROKEN | st.binary(max_size=4)) + data[until:]
    return data[: draw(st.none() | st.integers(0, len(data)))]


def assert_agrees(head: bytes) -> None:
    """What the parser says of `head`, if it says anything, is what http.client says."""
    ours = parse(head)
    if ours is None:
        return
    theirs = by_http_client(head)
    assert ours.status == theirs.status
    assert ours.headers == merged(theirs.headers.items())
    assert ours.length == theirs.length
    assert theirs.version == 11
    assert not theirs.will_close
    assert not theirs.chunked


@given(STATUSES, FIELDS, VALUES, st.integers(0, 10**12))
def test_a_plain_head_is_read_as_http_client_reads_it(status, fields, reason, length):
    head = head_of(status, fields, reason, length)
    assert parse(head) is not None
    assert_agrees(head)


@settings(max_examples=150)
@given(damaged_answers())
def test_a_damaged_head_is_left_alone_or_read_as_http_client_reads_it(data):
    assert_agrees(data)
    assert_agrees(data[: data.find(b"\r\n\r\n") + 4])


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_raise(data):
    parse(data)
    parse(b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX: \xc3\xa4\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + b"X: a\r\n" * 100 + b"\r\n",
    ],
)
def test_a_head_that_leaves_room_for_doubt_is_left_alone(head):
    assert parse(head) is None


def test_a_head_without_content_and_one_whose_headers_come_twice():
    head = parse(b"HTTP/1.1 204 No Content\r\nX: a\r\nx:b\r\n\r\n")
    assert (head.status, head.length, head.headers) == (204, 0, {"x": "a, b"})


@settings(max_examples=150, deadline=None)
@given(damaged_answers(), st.integers(1, 50))
def test_whatever_comes_on_a_connection_ends_and_means_what_http_client_says(data, piece):
    ours, theirs = socket.socketpair()
    exchange = Exchange(ends=seconds() + LIMIT)
    connection = KeptConnection(ours, exchange, response_class(exchange), b"POST / HTTP/1.1\r\n")
    with theirs:
        for at in range(0, len(data), piece):
            theirs.sendall(data[at : at + piece])
        theirs.shutdown(socket.SHUT_WR)
        try:
            reply = connection.post(b"x", is_packed=False)
        except FAILURES:
            reply = None
        finally:
            connection.close()
    try:
        expected = by_http_client(data)
    except (HTTPException, ValueError, OSError):
        assert reply is None
        return
    assert (reply.status, reply.headers) == (expected.status, merged(expected.headers.items()))
    try:
        body = expected.read(65536)
    except HTTPException:
        body = b""
    assert reply.body == body or (expected.length and reply.body == b"")
