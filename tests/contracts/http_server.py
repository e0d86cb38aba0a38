"""What holds for every web server and framework: a request comes in, is recorded, and is answered as ever.

A test class inherits it and says how its server is started. What was recorded arrives here over a socket, whatever
process the server works in; each request is sent with a trace id of its own, by which its events are known.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

import instrument

LIMIT = 20.0
PARENT = "00f067aa0ba902b7"


def new_trace():
    return os.urandom(16).hex()


class Ear:
    """Listens for recorded events, which arrive as lines of JSON, and hands them out by trace id."""

    def __init__(self):
        self._events = []
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                with self._changed:
                    self._events.append(json.loads(line))
                    self._changed.notify_all()

    def close(self):
        self._listener.close()

    def of(self, trace_id, *, transactions=0, errors=0):
        """What has arrived of a trace, once there is as much as asked for."""

        def found():
            events = [one for one in self._events if one["contexts"]["trace"]["trace_id"] == trace_id]
            whole = [one for one in events if one.get("type") == "transaction"]
            return Trace(trace_id, whole, [one for one in events if one.get("type") != "transaction"])

        def enough():
            trace = found()
            return len(trace.transactions) >= transactions and len(trace.errors) >= errors

        with self._changed:
            assert self._changed.wait_for(enough, LIMIT), f"of trace {trace_id} only {found()} arrived"
            return found()


@attrs.frozen
class Trace:
    id: str
    transactions: list
    errors: list

    @property
    def spans(self):
        return [span for item in self.transactions for span in item["spans"]]


@attrs.frozen
class Answer:
    code: int
    headers: dict
    body: bytes
    trace_id: str

    @property
    def seen(self):
        """What the page saw of its trace: the parts of the header that it would send on."""
        return self.headers.get("x-seen", "").split("-")


class ServerContract:
    """`serve` starts a server for all tests of a class and yields its port."""

    origin = "auto.http.wsgi"
    route = None
    """How the framework spells the route of `/users/7`; `None`: it knows none."""
    mechanism = None
    reads_bodies = False
    starts_at_once = True
    in_this_process = True
    streams = True
    sends_500 = True

    @classmethod
    def serve(cls, ear):
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _client(self, ear, port):
        from tests.middleware.pages import Mouth

        self.ear, self._port = ear, port
        self._mouth = None
        if self.in_this_process:
            self._mouth = Mouth(ear.port)
            instrument.init(exporter=self._mouth)
        yield
        if self._mouth is not None:
            self._mouth.close()

    def ask(self, path, method="GET", *, headers=None, body=None, flag="-1", trace=True):
        """Make a request that continues a new trace, and read the whole answer."""
        trace_id = new_trace()
        sent = {"sentry-trace": f"{trace_id}-{PARENT}{flag}"} if trace else {}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT)
        try:
            with instrument.suppress():
                connection.request(method, path, body, {**sent, **(headers or {})})
                response = connection.getresponse()
                answered = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, answered, response.read(), trace_id)
        finally:
            connection.close()

    def raw(self, request):
        """Send bytes and read what comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=LIMIT) as connection:
            connection.sendall(request)
            received = b""
            while part := connection.recv(65536):
                received += part
            return received

    def one(self, answer):
        """The transaction of an answer's request."""
        (item,) = self.ear.of(answer.trace_id, transactions=1).transactions
        return item

    def name(self, method, path):
        return f"{method} {self.route or path}"

    def test_a_request_is_a_transaction_of_the_callers_trace(self):
        answer = self.ask("/users/7")
        item = self.one(answer)
        trace = item["contexts"]["trace"]
        assert (answer.code, trace["parent_span_id"]) == (200, PARENT)
        assert (trace["op"], trace["origin"], trace["status"]) == ("http.server", self.origin, "ok")
        assert item["transaction"] == self.name("GET", "/users/7")
        assert item["transaction_info"]["source"] == ("route" if self.route else "url")
        assert item["tags"]["http.status_code"] == "200"
        work = next(span for span in item["spans"] if span["description"] == "load user")
        ids = {span["span_id"]: span for span in item["spans"]}
        while work["parent_span_id"] in ids:
            work = ids[work["parent_span_id"]]
        assert work["parent_span_id"] == trace["span_id"]

    def test_what_the_page_calls_gets_the_trace_handed_on(self):
        answer = self.ask("/users/7")
        assert answer.seen[0] == answer.trace_id
        assert answer.seen[2] == "1"

    def test_a_request_without_headers_begins_a_trace(self):
        answer = self.ask("/users/7", trace=False)
        (item,) = self.ear.of(answer.seen[0], transactions=1).transactions
        assert "parent_span_id" not in item["contexts"]["trace"] or item["contexts"]["trace"]["parent_span_id"] is None

    @pytest.mark.parametrize(
        "headers",
        [
            {"sentry-trace": "garbage"},
            {"sentry-trace": "0" * 32 + "-" + "0" * 16 + "-1"},
            {"sentry-trace": "\xff\xfe-\x01"},
            {"baggage": "sentry-trace_id=1," * 3000},
            {"traceparent": "00-" + "z" * 49 + "-01", "tracestate": " " * 9000},
        ],
        ids=["garbage", "zeros", "no text", "long baggage", "blanks"],
    )
    def test_headers_that_say_nothing_begin_a_trace(self, headers):
        answer = self.ask("/users/7", trace=False, headers=headers)
        assert answer.code in (200, 400, 431)
        if answer.code == 200:
            self.ear.of(answer.seen[0], transactions=1)

    def test_w3c_headers_are_continued(self):
        trace_id = new_trace()
        self.ask("/users/7", trace=False, headers={"traceparent": f"00-{trace_id}-{PARENT}-01"})
        (item,) = self.ear.of(trace_id, transactions=1).transactions
        assert item["contexts"]["trace"]["parent_span_id"] == PARENT

    def test_a_caller_that_does_not_record_is_obeyed_and_errors_are_sent_all_the_same(self):
        answer = self.ask("/note", flag="-0")
        assert (answer.seen[0], answer.seen[2]) == (answer.trace_id, "0")
        assert self.ear.of(answer.trace_id, errors=1).transactions == []

    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
    def test_head_and_options_are_no_transactions_but_continue_the_trace(self, method):
        answer = self.ask("/note", method)
        assert (answer.seen[0], answer.seen[2]) == (answer.trace_id, "1")
        self.one(self.ask("/users/7"))
        assert self.ear.of(answer.trace_id, errors=1).transactions == []

    def test_health_checks_are_no_transactions(self):
        answer = self.ask("/healthz")
        assert answer.code == 200
        self.one(self.ask("/users/7"))
        assert self.ear.of(answer.trace_id).transactions == []

    def test_what_no_route_was_found_for_has_one_name_for_all_paths(self):
        names = set()
        for path in ("/no/such/page", "/nor/this?x=1"):
            answer = self.ask(path)
            item = self.one(answer)
            assert (answer.code, item["contexts"]["trace"]["status"]) == (404, "not_found")
            assert item["transaction_info"]["source"] != "route"
            names.add(item["transaction"])
        assert names == {"GET <unmatched>"}
        assert self.ear.of(answer.trace_id).errors == []

    def test_an_answer_of_the_applications_own_is_no_error(self):
        answer = self.ask("/teapot")
        item = self.one(answer)
        assert (answer.code, item["contexts"]["trace"]["status"]) == (418, "invalid_argument")
        assert self.ear.of(answer.trace_id).errors == []

    def test_an_error_has_the_context_of_its_request(self):
        answer = self.ask("/boom/3?word=x")
        trace = self.ear.of(answer.trace_id, transactions=1, errors=1)
        (item,), (error,) = trace.transactions, trace.errors
        assert answer.code == 500
        for key in ("trace_id", "span_id"):
            assert error["contexts"]["trace"][key] == item["contexts"]["trace"][key]
        assert error["transaction"] == item["transaction"]
        assert item["contexts"]["trace"]["status"] == "internal_error"
        assert item["tags"]["http.status_code"] == "500"
        raised = error["exception"]["values"][-1]
        assert (raised["type"], raised["value"], raised["mechanism"]["handled"]) == ("ValueError", "boom 3", False)
        assert error["request"]["url"].endswith("/boom/3")
        assert (error["request"]["method"], error["request"]["query_string"]) == ("GET", "word=x")

    def test_the_request_is_told_without_what_is_personal(self):
        told = {"User-Agent": "test", "Cookie": "a=b", "Authorization": "Basic abc", "X-Forwarded-For": "1.2.3.4"}
        request = self.one(self.ask("/users/7?page=2", headers=told))["request"]
        headers = {name.lower(): value for name, value in request["headers"].items()}
        assert request["url"] == f"http://127.0.0.1:{self._port}/users/7"
        assert (request["method"], request["query_string"]) == ("GET", "page=2")
        assert headers["user-agent"] == "test"
        assert {headers[name] for name in ("cookie", "authorization", "x-forwarded-for")} == {"[Filtered]"}
        assert "cookies" not in request
        assert "REMOTE_ADDR" not in request["env"]

    def test_a_body_is_streamed_and_its_spans_belong_to_the_request(self):
        if not self.streams:
            pytest.skip("needs Python to stream")
        with socket.create_server(("127.0.0.1", 0)) as gate:
            gate.settimeout(LIMIT)
            trace_id = new_trace()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT)
            with instrument.suppress():
                headers = {"sentry-trace": f"{trace_id}-{PARENT}-1"}
                connection.request("GET", f"/stream/{gate.getsockname()[1]}", headers=headers)
                response = connection.getresponse()
            assert response.read(5) == b"first"
            assert self.ear.of(trace_id).transactions == []
            key, _ = gate.accept()
            key.sendall(b"!")
            assert response.read() == b"second"
            connection.close()
            key.close()
        (item,) = self.ear.of(trace_id, transactions=1).transactions
        parts = [span for span in item["spans"] if span["op"] == "part"]
        assert [span["description"] for span in parts] == ["first", "second"]
        assert len({span["parent_span_id"] for span in parts}) == 1
        assert item["contexts"]["trace"]["status"] == "ok"

    def test_an_error_in_the_body_is_captured(self):
        trace_id = new_trace()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT)
        with instrument.suppress():
            connection.request("GET", "/broken", headers={"sentry-trace": f"{trace_id}-{PARENT}-1"})
            try:
                connection.getresponse().read()
            except (http.client.HTTPException, OSError):
                pass
        connection.close()
        trace = self.ear.of(trace_id, transactions=1, errors=1)
        (item,), (error,) = trace.transactions, trace.errors
        assert error["contexts"]["trace"]["span_id"] == item["contexts"]["trace"]["span_id"]
        assert error["exception"]["values"][-1]["value"] == "broken"
        assert item["contexts"]["trace"]["status"] == "internal_error"

    def test_a_client_that_goes_away_has_cancelled_its_request(self):
        trace_id = new_trace()
        with socket.create_connection(("127.0.0.1", self._port), timeout=LIMIT) as connection:
            head = f"GET /endless HTTP/1.1\r\nHost: here\r\nsentry-trace: {trace_id}-{PARENT}-1\r\n\r\n"
            connection.sendall(head.encode())
            assert connection.recv(10)
        trace = self.ear.of(trace_id, transactions=1)
        assert trace.transactions[0]["contexts"]["trace"]["status"] == "cancelled"
        assert trace.errors == [], trace.errors

    @pytest.mark.parametrize(
        ("line", "host"),
        [
            ("GET http://elsewhere.example/users/7?x=1 HTTP/1.1", "elsewhere.example"),
            ("GET /users/7 HTTP/1.0", None),
            ("GET /users/7 HTTP/1.1", "<script>"),
            ("GET /users/7 HTTP/1.1", "a" * 5000),
        ],
        ids=["absolute", "no host", "no name", "long host"],
    )
    def test_odd_targets_and_hosts_are_survived(self, line, host):
        trace_id = new_trace()
        lines = [line, f"sentry-trace: {trace_id}-{PARENT}-1", "Connection: close"]
        if host:
            lines.append(f"Host: {host}")
        received = self.raw("\r\n".join([*lines, "", ""]).encode())
        if b" 200 " in received.partition(b"\r\n")[0]:
            (item,) = self.ear.of(trace_id, transactions=1).transactions
            assert item["request"]["url"].endswith("/users/7")
            assert "<script>" not in item["request"]["url"]
            assert item["transaction"].startswith("GET /users/")

    def test_hundreds_of_requests_at_once_keep_to_themselves(self):
        with ThreadPoolExecutor(24) as clients:
            answers = list(clients.map(lambda number: self.ask(f"/own/{number}"), range(240)))
        for number, answer in enumerate(answers):
            assert (answer.code, answer.seen[0]) == (200, answer.trace_id)
            trace = self.ear.of(answer.trace_id, transactions=1, errors=1)
            for event in (*trace.transactions, *trace.errors):
                assert (event["user"]["id"], event["tags"]["number"]) == (str(number), str(number))
            crumbs = trace.errors[0]["breadcrumbs"]["values"]
            assert [crumb["message"] for crumb in crumbs] == [f"own {number}"]
            assert len(trace.transactions) == len(trace.errors) == 1
