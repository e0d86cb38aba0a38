"""However much comes, and however slowly, it takes up no more than its share."""

import socket

import pytest

from instrument.viewer import PREFERRED_PORT, PortTaken, Viewer
from instrument.viewer.head import HEAD_BYTES, HEAD_FIELDS
from instrument.viewer.server import MOST_CONNECTIONS
from tests.transport.servers import until
from tests.viewer.asking import LIMIT, connect, cookie_of, get, head, read, send, viewing


@pytest.fixture
def viewer(tmp_path):
    with viewing(tmp_path / "traces.db") as viewer:
        yield viewer


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["GET / HTTP/2.0"], 400),
        (["GET  / HTTP/1.1"], 400),
        (["GET http://127.0.0.1/ HTTP/1.1"], 400),
        (["GET * HTTP/1.1"], 400),
        (["get / HTTP/1.1"], 400),
        (["\x16\x03\x01\x02"], 400),
        (["GET /\x00 HTTP/1.1"], 400),
        (["GET / HTTP/1.1", "no colon"], 400),
        (["GET / HTTP/1.1", "Host : x"], 400),
        (["GET / HTTP/1.1", "A: b", " folded"], 400),
        (["GET / HTTP/1.1", "A: b\nHost: 127.0.0.1"], 400),
        (["GET /?" + "&".join(f"a{n}=1" for n in range(50)) + " HTTP/1.1"], 400),
        (["GET / HTTP/1.1", *(f"A{n}: b" for n in range(HEAD_FIELDS + 1))], 431),
        (["GET /" + "x" * HEAD_BYTES + " HTTP/1.1"], 431),
    ],
)
def test_what_no_browser_sends_is_no_request(viewer, lines, status):
    assert send(viewer.port, *lines).status == status


def test_a_head_without_end_is_not_waited_for(viewer):
    with connect(viewer.port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nA: ".ljust(HEAD_BYTES + 1, b"x"))
        assert read(connection).status == 431


def test_a_head_that_trickles_in_has_to_be_there_in_time(tmp_path):
    """Each byte comes soon after the one before it, and still there is an end."""
    with viewing(tmp_path / "traces.db", head_seconds=0.5) as viewer, connect(viewer.port) as connection:
        connection.settimeout(0.02)
        connection.sendall(b"GET / HTTP/1.1\r\nA: ")

        def is_answered():
            try:
                connection.sendall(b"x")
                return connection.recv(1, socket.MSG_PEEK) != b"x"
            except TimeoutError:
                return False
            except OSError:
                return True

        assert until(is_answered, LIMIT)
        connection.settimeout(LIMIT)
        assert read(connection).status == 408


def test_who_says_nothing_is_sent_away(tmp_path):
    with viewing(tmp_path / "traces.db", head_seconds=0.2) as viewer, connect(viewer.port) as connection:
        assert connection.recv(1) == b""


def test_so_many_at_once_and_then_the_next_is_told_to_come_back(viewer):
    cookie = cookie_of(viewer)
    waiting = [connect(viewer.port) for _ in range(MOST_CONNECTIONS)]
    try:
        with connect(viewer.port) as late:
            reply = read(late)
            assert (reply.status, reply.headers["retry-after"]) == (503, "2")
        # Those who were there before are served.
        waiting[0].sendall("\r\n".join([*head(viewer, "/", cookie=cookie), "", ""]).encode())
        assert read(waiting[0]).status == 200
    finally:
        for connection in waiting:
            connection.close()

    def is_free():
        with connect(viewer.port) as connection:
            connection.sendall("\r\n".join([*head(viewer, "/", cookie=cookie), "", ""]).encode())
            reply = read(connection)
            return reply is not None and reply.status == 200

    assert until(is_free, LIMIT)


def test_a_reader_who_leaves_in_the_middle_disturbs_nobody(viewer, capfd):
    for _ in range(5):
        with connect(viewer.port) as connection:
            connection.sendall(b"GET / HT")
        with connect(viewer.port) as connection:
            connection.sendall("\r\n".join([*head(viewer, "/"), "", ""]).encode())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    assert get(viewer, "/").status == 200
    assert capfd.readouterr() == ("", "")


def test_head_has_no_body(viewer):
    full = get(viewer, "/")
    with connect(viewer.port) as connection:
        lines = head(viewer, "/", "HEAD", cookie=cookie_of(viewer))
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        with connection.makefile("rb") as reply:
            everything = reply.read()
    assert everything.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(full.body)}".encode() in everything
    assert everything.endswith(b"\r\n\r\n")


def test_the_same_is_at_the_address_of_ipv6(viewer):
    if len(viewer._listeners) == 1:
        pytest.skip("needs IPv6")
    reply = send(viewer.port, *head(viewer, host=f"[::1]:{viewer.port}", cookie=cookie_of(viewer)), address="::1")
    assert reply.status == 200


def test_a_port_that_is_taken_is_said_when_it_was_asked_for(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortTaken):
        Viewer(tmp_path / "traces.db", taken.getsockname()[1])


def test_without_a_wish_it_is_the_same_port_each_time_or_any(tmp_path):
    first = Viewer(tmp_path / "traces.db")
    second = Viewer(tmp_path / "traces.db")
    try:
        # Another program may have it on the machine that this test runs on.
        assert second.port not in (first.port, PREFERRED_PORT)
    finally:
        first.close()
        second.close()


def test_after_the_end_nobody_listens(tmp_path):
    with viewing(tmp_path / "traces.db") as viewer:
        assert get(viewer, "/").status == 200
    with pytest.raises(ConnectionRefusedError):
        connect(viewer.port)
    viewer.close()
    viewer.wait()
