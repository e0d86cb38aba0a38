"""HTTP as it happens: a real server on the loopback that answers well, badly, slowly, for ever or not at all."""

import gc
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from instrument.transport.http import HttpTransport
from tests.transport.servers import CERTIFICATE, EXPIRED, OK, Server, never, reset, status, trickle

KEY = "0123456789abcdef"
HEADERS = {"X-Sentry-Auth": f"Sentry sentry_key={KEY}", "User-Agent": "instrument.python/1", "Content-Type": "text/x"}
LIMIT = 20.0


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture
def make():
    made = []

    def transport(url, **options):
        made.append(HttpTransport(url, HEADERS, **options))
        return made[-1]

    yield transport
    for each in made:
        each.close()


def test_a_body_arrives_with_its_headers_and_is_accepted(server, make):
    answer = make(server.url).send(b"hello")
    (request,) = server.received
    assert request.line == "POST /api/7/envelope/ HTTP/1.1"
    assert request.body == b"hello"
    assert request.headers["x-sentry-auth"] == f"Sentry sentry_key={KEY}"
    assert request.headers["user-agent"] == "instrument.python/1"
    assert request.headers["content-type"] == "text/x"
    assert request.headers["accept-encoding"] == "identity"
    assert "content-encoding" not in request.headers
    assert (answer.outcome, answer.status, answer.body) == ("accepted", 200, b"{}")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("size", [1024, 5000, 1_000_000])
def test_a_body_worth_it_travels_compressed(server, make, size):
    body = (b"0123456789" * size)[:size]
    assert make(server.url).send(body).outcome == "accepted"
    (request,) = server.received
    assert request.headers["content-encoding"] == "gzip"
    assert len(request.raw_body) < size / 5
    assert request.body == body


def test_one_connection_is_kept_and_used_again(server, make):
    transport = make(server.url)
    for _ in range(5):
        transport.send(b"x")
    assert server.connections == 1
    assert len(server.received) == 5


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (200, "accepted"),
        (202, "accepted"),
        (301, "later"),
        (307, "later"),
        (400, "refused"),
        (401, "later"),
        (403, "later"),
        (404, "later"),
        (408, "later"),
        (413, "refused"),
        (415, "refused"),
        (422, "refused"),
        (425, "later"),
        (429, "later"),
        (431, "refused"),
        (500, "later"),
        (503, "later"),
        (599, "later"),
    ],
)
def test_the_status_decides_what_became_of_it(server, make, code, outcome):
    server.answer = status(code, "Retry-After: 7")
    answer = make(server.url).send(b"x")
    assert (answer.outcome, answer.status) == (outcome, code)
    assert answer.headers["retry-after"] == "7"
    assert answer.detail.startswith(f"HTTP {code}")


def test_a_login_page_in_between_is_no_answer(server, make):
    server.answer = status(200, "Content-Type: Text/HTML; charset=utf-8", body=b"<html>Welcome</html>")
    answer = make(server.url).send(b"x")
    assert answer.outcome == "unreachable"
    assert "web page" in answer.detail


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_so_the_key_stays_here(server, make, code):
    with Server() as stranger:
        server.answer = status(code, f"Location: {stranger.url}")
        assert make(server.url).send(b"x").outcome == "later"
        assert stranger.connections == 0


def test_nobody_listens(make):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = make(f"http://127.0.0.1:{port}/").send(b"x")
    assert answer.outcome == "unreachable"
    assert "refused" in answer.detail.lower()


def test_a_host_that_does_not_exist(make):
    assert make("http://nowhere.invalid/").send(b"x").outcome == "unreachable"


def test_a_connection_that_is_reset_and_one_that_is_just_closed(server, make):
    transport = make(server.url)
    server.answer = lambda request, connection: reset(connection)
    assert transport.send(b"x").outcome == "unreachable"
    server.answer = lambda request, connection: None
    assert transport.send(b"x").outcome == "unreachable"
    server.answer = OK
    assert transport.send(b"x").outcome == "accepted"


def test_a_connection_that_is_cut_before_the_body_is_read(server, make):
    server.before_body = reset
    assert make(server.url).send(os.urandom(3_000_000)).outcome == "unreachable"


def test_a_kept_connection_that_the_server_closed_meanwhile_costs_nothing(server, make):
    transport = make(server.url)
    server.answer = lambda request, connection: connection.sendall(OK)
    assert transport.send(b"x").outcome == "accepted"
    server.answer = OK
    answers = {transport.send(b"y").outcome for _ in range(2)}
    assert "accepted" in answers


def test_a_server_that_never_answers_is_given_up(server, make):
    server.answer = never(server.ended)
    answer = make(server.url, total_seconds=0.2).send(b"x")
    assert (answer.outcome, answer.detail) == ("unreachable", "TimeoutError")


def test_a_server_that_sends_a_byte_now_and_then_is_given_up_in_its_headers(server, make):
    server.answer = trickle(server.ended)
    assert make(server.url, total_seconds=0.3).send(b"x").outcome == "unreachable"


def test_a_server_that_sends_a_byte_now_and_then_is_left_once_its_status_is_known(server, make):
    def answer(_, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not server.ended.wait(0.02):
            connection.sendall(b"a")

    server.answer = answer
    answer = make(server.url, total_seconds=0.3).send(b"x")
    assert (answer.outcome, answer.body) == ("accepted", b"")


def test_a_slow_request_leaves_no_short_deadline_behind(server, make):
    transport = make(server.url, total_seconds=0.3)
    server.answer = never(server.ended)
    assert transport.send(b"x").outcome == "unreachable"
    server.answer = OK
    assert [transport.send(b"x").outcome for _ in range(3)] == ["accepted"] * 3


def test_an_endless_answer_is_cut_and_its_status_counts(server, make):
    def answer(_, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not server.ended.is_set():
            connection.sendall(b"1000\r\n" + b"a" * 4096 + b"\r\n")

    server.answer = answer
    answer = make(server.url).send(b"x")
    assert answer.outcome == "accepted"
    assert len(answer.body) == 65536


def test_a_compressed_bomb_stays_compressed(server, make):
    packed = bytes.fromhex("1f8b0800000000000003") + b"\x00" * 100
    server.answer = status(200, "Content-Encoding: gzip", body=packed)
    assert make(server.url).send(b"x").body == packed


@pytest.mark.parametrize(
    "reply",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"\x00\xff\xfe\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(200)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    ],
)
def test_an_answer_that_is_not_http_is_none(server, make, reply):
    def answer(_, connection):
        connection.sendall(reply)

    server.answer = answer
    assert make(server.url).send(b"x").outcome in ("unreachable", "accepted")
    server.answer = OK
    assert make(server.url).send(b"x").outcome == "accepted"


def test_closing_from_another_thread_breaks_off_a_send(server, make):
    transport = make(server.url, total_seconds=LIMIT * 2)
    server.answer = never(server.ended)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(transport.send(b"x")))
    thread.start()
    server.wait_for(1)
    transport.close()
    thread.join(LIMIT)
    assert [answer.outcome for answer in answers] == ["unreachable"]
    server.answer = OK
    assert transport.send(b"x").outcome == "accepted"


def test_a_proxy_is_used_and_its_password_is_in_no_detail(server, make):
    server.answer = OK
    proxy = f"http://user:hush@127.0.0.1:{server.port}"
    assert make("http://collector.invalid/api/", proxy=proxy).send(b"x").outcome == "accepted"
    (request,) = server.received
    assert request.line == "POST http://collector.invalid/api/ HTTP/1.1"
    assert request.headers["proxy-authorization"].startswith("Basic ")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = make("http://collector.invalid/", proxy=f"http://user:hush@127.0.0.1:{port}").send(b"x")
    assert answer.outcome == "unreachable"
    assert "hush" not in repr(answer)


def test_what_the_environment_says_of_proxies_and_passwords_is_not_read_here(server, make, monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hush\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert make(server.url).send(b"x").outcome == "accepted"
    assert "authorization" not in server.received[0].headers


@pytest.fixture
def secure_server():
    with Server(secure=True) as server:
        yield server


def test_tls_with_a_certificate_that_the_option_names(secure_server, make):
    transport = make(f"https://localhost:{secure_server.port}/", ca_file=str(CERTIFICATE))
    assert [transport.send(b"x").outcome for _ in range(2)] == ["accepted"] * 2
    assert len(secure_server.received) == 2


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(secure_server, make):
    answer = make(f"https://localhost:{secure_server.port}/").send(b"x")
    assert answer.outcome == "unreachable"
    assert "certificate" in answer.detail.lower()
    assert secure_server.received == []


def test_a_server_whose_certificate_has_expired_gets_nothing(make):
    with Server(secure=EXPIRED) as server:
        answer = make(f"https://localhost:{server.port}/", ca_file=str(EXPIRED)).send(b"x")
        assert answer.outcome == "unreachable"
        assert "expired" in answer.detail
        assert server.received == []


def test_a_server_with_the_certificate_of_another_name_gets_nothing(secure_server, make):
    assert (
        make(f"https://127.0.0.1:{secure_server.port}/", ca_file=str(CERTIFICATE)).send(b"x").outcome == "unreachable"
    )
    assert secure_server.received == []


def test_a_server_that_speaks_no_tls_gets_nothing(server, make):
    assert make(f"https://localhost:{server.port}/", ca_file=str(CERTIFICATE)).send(b"x").outcome == "unreachable"
    assert KEY not in repr(server.received)


def test_a_file_of_certificates_that_does_not_exist_is_said_and_not_ignored(secure_server, make, tmp_path):
    answer = make(f"https://localhost:{secure_server.port}/", ca_file=str(tmp_path / "missing")).send(b"x")
    assert answer.outcome == "unreachable"
    assert secure_server.received == []


def test_a_hanging_tls_connection_is_broken_off_too(secure_server, make):
    transport = make(f"https://localhost:{secure_server.port}/", ca_file=str(CERTIFICATE), total_seconds=LIMIT * 2)
    secure_server.answer = never(secure_server.ended)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(transport.send(b"x")))
    thread.start()
    secure_server.wait_for(1)
    transport.close()
    thread.join(LIMIT)
    assert [answer.outcome for answer in answers] == ["unreachable"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_end_the_parents_tls_session(secure_server, make):
    transport = make(f"https://localhost:{secure_server.port}/", ca_file=str(CERTIFICATE))
    transport.send(b"parent")
    child = os.fork()
    if not child:
        outcome = "died"
        try:
            outcome = transport.send(b"child").outcome
            transport.close()
        finally:
            os._exit(0 if outcome == "accepted" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert transport.send(b"parent again").outcome == "accepted"
    before, child, after = secure_server.wait_for(3)
    assert before.port == after.port != child.port


def test_no_detail_holds_a_header(make):
    answers = [make("http://127.0.0.1:1/").send(b"x"), make("http://nowhere.invalid/").send(b"x")]
    assert all(KEY not in repr(answer) for answer in answers)


def run(text):
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", textwrap.dedent(text)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_sending_imports_nothing_as_a_fork_at_that_moment_would_copy_the_import_lock():
    program = """
        import sys
        from instrument.transport.http import HttpTransport
        from tests.transport.servers import Server, status

        with Server() as server:
            transport = HttpTransport(server.url, {"A": "b"})
            before = set(sys.modules)
            transport.send(b"x" * 5000)
            server.answer = status(503, "Retry-After: 3")
            transport.send(b"x")
            server.answer = lambda request, connection: None
            transport.send(b"x")
            print("new", *sorted(set(sys.modules) - before))
    """
    assert run(program) == ["new"]


def test_requests_is_imported_by_the_first_transport_and_not_before():
    program = """
        import sys
        import instrument.transport.http
        print("requests" in sys.modules)
        instrument.transport.http.HttpTransport("http://127.0.0.1:1/", {})
        print("requests" in sys.modules)
    """
    assert run(program) == ["False", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_waits_while_a_name_is_looked_up_as_the_child_would_inherit_the_lock(server, make, monkeypatch):
    transport = make(server.url.replace("127.0.0.1", "localhost"))
    entered, events, look_up = threading.Event(), [], socket.getaddrinfo

    def slow(host, *args, **kwargs):
        if host == "localhost":
            entered.set()
            time.sleep(0.01)
            events.append("looked up")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    thread = threading.Thread(target=transport.send, args=(b"x",))
    thread.start()
    entered.wait(LIMIT)
    transport._exchange.hold()
    events.append("fork")
    thread.join(LIMIT)
    assert events == ["looked up", "fork"]
    assert transport.send(b"y").outcome == "accepted"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_lookup_that_hangs_does_not_hold_a_fork_for_long(make, monkeypatch):
    transport = make("http://localhost:1/")
    entered, end = threading.Event(), threading.Event()

    def hang(*args, **kwargs):
        entered.set()
        end.wait(LIMIT)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    thread = threading.Thread(target=transport.send, args=(b"x",))
    thread.start()
    entered.wait(LIMIT)
    transport._exchange.hold()
    assert not end.is_set()
    end.set()
    thread.join(LIMIT)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_opens_its_own_connection_and_leaves_the_parents_alone(server, make):
    transport = make(server.url)
    transport.send(b"parent")
    child = os.fork()
    if not child:
        outcome = "died"
        try:
            outcome = transport.send(b"child").outcome
            transport.close()
        finally:
            os._exit(0 if outcome == "accepted" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert transport.send(b"parent again").outcome == "accepted"
    before, child, after = server.wait_for(3)
    assert [before.body, child.body, after.body] == [b"parent", b"child", b"parent again"]
    assert before.port == after.port != child.port


def test_a_transport_that_is_dropped_leaves_nothing_open(server):
    transport = HttpTransport(server.url, HEADERS)
    transport.send(b"x")
    transport.close()
    del transport
    gc.collect()
