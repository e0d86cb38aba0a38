"""What holds besides for an HTTP client whose answers let us see when their body has ended."""

from __future__ import annotations

import socket
import threading

import instrument
from instrument import _clock
from tests.contracts.http_client import HttpContract
from tests.contracts.web import LIMIT

BODY = "http.response.body_seconds"


class Halting:
    """A server that answers one request with a head and half a body, and with the rest when `go_on` is set."""

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/half"
        self.go_on = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()
        return self

    def _answer(self):
        peer, _ = self._listener.accept()
        with peer:
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += peer.recv(4096)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            self.go_on.wait(LIMIT)
            try:
                peer.sendall(b"cd")
                peer.recv(1)
            except OSError:
                pass  # the client has left

    def __exit__(self, *_):
        self.go_on.set()
        self._thread.join(LIMIT)
        self._listener.close()


class BodyContract(HttpContract):
    def stream(self, url, between, *, is_read=True):
        """Make a request, call `between` when the head is there, then read the body, or leave it."""
        raise NotImplementedError

    def record(self, memory, method, url, **given):
        """As ever, with what is told of bodies apart."""
        spans, outcome = super().record(memory, method, url, **given)
        self.bodies = [span.data.pop(BODY, None) for span in spans]
        return spans, outcome

    def test_it_is_told_how_long_the_body_took(self, web, memory):
        self.record(memory, "GET", f"{web.url}/stream")
        (seconds,) = self.bodies
        assert type(seconds) is float
        assert seconds >= 0

    def test_without_an_answer_nothing_is_told_of_a_body(self, web, memory):
        self.record(memory, "GET", f"{web.url}/reset")
        assert self.bodies == [None]

    def test_the_span_ends_with_the_head_and_data_says_when_the_body_did(self, memory):
        seen = []

        def between():
            seen.append(_clock.ticks())
            server.go_on.set()

        with Halting() as server, instrument.transaction("test", "stream"):
            assert self.stream(server.url, between) == b"abcd"
        (span,) = memory.transactions[-1].spans
        assert span.end_ticks <= seen[0] <= span.end_ticks + span.data[BODY] * 1e9 + 1
        assert span.status == "ok"

    def test_an_answer_that_is_never_read_has_ended_with_its_head(self, memory):
        with Halting() as server, instrument.transaction("test", "unread"):
            self.stream(server.url, lambda: None, is_read=False)
        (span,) = memory.transactions[-1].spans
        assert (span.status, span.data["http.response.status_code"]) == ("ok", 200)

    def test_a_body_that_ends_after_the_transaction_is_read_whole_and_not_told(self, memory):
        with Halting() as server:
            transaction = instrument.transaction("test", "handed over")

            def between():
                transaction.__exit__(None, None, None)
                server.go_on.set()

            transaction.__enter__()
            assert self.stream(server.url, between) == b"abcd"
        (span,) = memory.transactions[-1].spans
        assert (span.status, BODY in span.data) == ("ok", False)
