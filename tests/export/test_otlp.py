"""A receiver of OTLP as a destination: where it is, what it is sent, and what its answers mean."""

import gzip
import json
import logging
import os
import pickle
import re
import subprocess
import sys
from base64 import b64decode

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

import instrument
from instrument._books import Books
from instrument.cli.main import main
from instrument.errors import BadOption
from instrument.export.otlp import OTLP_LIMITS, OtlpTransport
from instrument.exporters import Memory, Otlp
from instrument.options import Options
from instrument.transport import Answer, MemoryTransport
from tests.export.worlds import ROOT, World, error, transaction
from tests.transport.servers import CERTIFICATE, Server, status
from tests.wire.test_otlp import ENCODINGS, parsed, spans_of

LIMIT = 20.0
SECRET = "0123456789abcdef0123456789abcdef"
PROTOBUF = "application/x-protobuf"


@pytest.fixture
def server():
    with Server(status(200, f"Content-Type: {PROTOBUF}")) as running:
        yield running


@pytest.fixture
def connected(tmp_path):
    made = []

    def connect(exporter, **options):
        exporter.books = Books()
        exporter.connect(Options.read(spool_dir=tmp_path / "spool", **options))
        made.append(exporter)
        return exporter

    yield connect
    for exporter in made:
        exporter.close(0.1)


def base(server):
    return f"http://127.0.0.1:{server.port}"


def names_in(requests, encoding="protobuf"):
    return [span.name for request in requests for span in spans_of(parsed(request.body, encoding))]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_receiver_gets_what_the_program_records(server, encoding, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=shop-1,service.name=other")
    exporter = Otlp(base(server), {"X-Scope-OrgID": "north"}, encoding)
    instrument.init(exporter=exporter, service_name="shop", release="shop@1")
    with instrument.transaction(op="task", name="nightly"), instrument.span("step", "parse avatar images"):
        instrument.capture_message("look here")
    assert instrument.flush(LIMIT)
    requests = server.wait_for(2)
    assert sorted(names_in(requests, encoding)) == ["message", "nightly", "parse avatar images"]
    for request in requests:
        assert request.line == "POST /v1/traces HTTP/1.1"
        assert request.headers["content-type"] == ("application/json" if encoding == "json" else PROTOBUF)
        assert request.headers["x-scope-orgid"] == "north"
        assert re.fullmatch(r"instrument\.python/\S+ OTel-OTLP-Exporter-Python/\S+", request.headers["user-agent"])
        assert "x-sentry-auth" not in request.headers
        (resource, *_) = parsed(request.body, encoding).resource_spans
        told = {one.key: one.value.string_value for one in resource.resource.attributes}
        assert told.items() >= {"service.name": "shop", "service.version": "shop@1", "k8s.pod.name": "shop-1"}.items()
    stats = instrument.stats()
    assert stats.balanced
    assert (stats.transactions.delivered, stats.spans.delivered, stats.errors.delivered) == (1, 2, 1)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_many_items_go_in_one_request_of_at_most_half_a_megabyte(server, connected, encoding):
    exporter = connected(Otlp(base(server), encoding=encoding))
    names = [f"{number} " + "x" * 900 for number in range(2000)]
    for name in names:
        exporter.export(transaction(name))
    assert exporter.flush(LIMIT)
    assert names_in(server.received, encoding) == names
    assert len(server.received) < 400
    assert max(len(request.body) for request in server.received) < 520 * 1024
    assert exporter.books.stats().transactions.delivered == 2000


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("", "POST /v1/traces HTTP/1.1"),
        ("/", "POST /v1/traces HTTP/1.1"),
        ("/base/", "POST /base/v1/traces HTTP/1.1"),
        ("/v1/traces", "POST /v1/traces HTTP/1.1"),
        ("/v1/traces/", "POST /v1/traces/ HTTP/1.1"),
        ("/base?tenant=7", "POST /base/v1/traces?tenant=7 HTTP/1.1"),
    ],
)
def test_the_path_for_traces_is_appended_unless_it_is_there(server, connected, endpoint, line):
    exporter = connected(Otlp(base(server) + endpoint))
    exporter.export(transaction())
    assert exporter.flush(LIMIT)
    assert server.received[0].line == line


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"ENDPOINT": ""}, "POST /v1/traces HTTP/1.1"),
        ({"ENDPOINT": "/base/"}, "POST /base/v1/traces HTTP/1.1"),
        ({"TRACES_ENDPOINT": "/own"}, "POST /own HTTP/1.1"),
        ({"TRACES_ENDPOINT": ""}, "POST / HTTP/1.1"),
        ({"TRACES_ENDPOINT": "/own", "ENDPOINT": "/base"}, "POST /own HTTP/1.1"),
    ],
)
def test_variables_alone_make_a_receiver_the_destination(server, monkeypatch, variables, line):
    for name, path in variables.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", base(server) + path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b,bad header=1,x-odd=%0A")
    client = instrument.init()
    assert isinstance(client.exporter, Otlp)
    with instrument.transaction(name="t"):
        pass
    assert instrument.flush(LIMIT)
    (request,) = server.received
    assert request.line == line
    assert request.headers["x-team"] == "a b"
    assert "x-odd" not in request.headers


def test_code_beats_the_environment(server, connected, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=environment")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    exporter = connected(Otlp(base(server), {"x-team": "code"}, "protobuf"))
    exporter.export(transaction())
    assert exporter.flush(LIMIT)
    (request,) = server.received
    assert (request.headers["x-team"], request.headers["content-type"]) == ("code", PROTOBUF)


def test_what_code_does_not_say_the_environment_does(server, connected, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=environment")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    exporter = connected(Otlp(base(server)))
    exporter.export(transaction())
    assert exporter.flush(LIMIT)
    (request,) = server.received
    assert (request.headers["x-team"], request.headers["content-type"]) == ("environment", "application/json")


@pytest.mark.parametrize("compression", ["gzip", "none", ""])
def test_bodies_are_compressed_when_that_is_asked_for(server, connected, monkeypatch, compression):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    exporter = connected(Otlp(base(server)))
    for number in range(3):
        exporter.export(transaction(f"{number}" * 900))
        assert exporter.flush(LIMIT)
    for number, request in enumerate(server.received):
        assert request.headers.get("content-encoding") == ("gzip" if compression == "gzip" else None)
        body = gzip.decompress(request.raw_body) if compression == "gzip" else request.raw_body
        assert [span.name for span in spans_of(ExportTraceServiceRequest.FromString(body))] == [f"{number}" * 900]


def test_certificates_of_the_environment_are_those_that_are_trusted(connected, monkeypatch):
    with Server(status(200), secure=True) as secure:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(CERTIFICATE))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", str(CERTIFICATE))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", str(CERTIFICATE))
        exporter = connected(Otlp(f"https://localhost:{secure.port}"))
        exporter.export(transaction())
        assert exporter.flush(LIMIT)
        assert len(secure.received) == 1


def test_a_name_and_a_password_in_the_address_become_a_header(server, connected, caplog):
    address = f"http://ada:{SECRET}%21@127.0.0.1:{server.port}"
    exporter = connected(Otlp(address))
    server.answer = status(401)
    exporter.export(transaction())
    assert not exporter.flush(1.0)
    (request,) = server.received
    assert b64decode(request.headers["authorization"].removeprefix("Basic ")).decode() == f"ada:{SECRET}!"
    assert SECRET not in caplog.text + repr(exporter)
    assert str(server.port) in caplog.text


def test_the_dsn_of_a_project_stands_for_its_own_receiver(server, connected):
    server.answer = status(202)
    exporter = connected(Otlp(f"http://{SECRET}@127.0.0.1:{server.port}/prefix/42"))
    exporter.export(transaction())
    assert exporter.flush(LIMIT)
    (request,) = server.received
    assert request.line == "POST /prefix/api/42/integration/otlp/v1/traces/ HTTP/1.1"
    assert f"sentry_key={SECRET}," in request.headers["x-sentry-auth"]
    assert SECRET not in repr(exporter)


def test_nothing_that_is_said_or_printed_holds_a_key(connected, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    exporter = connected(Otlp(f"http://127.0.0.1:1/?api-key={SECRET}", {"authorization": SECRET}), shutdown_timeout=0)
    exporter.export(transaction())
    exporter.flush(0.5)
    assert "does not take anything now" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in repr([exporter, vars(exporter)["_receiver"]])
    assert repr(exporter) == "Otlp('http://127.0.0.1:1/v1/traces')"
    assert repr(Otlp()) == "Otlp()"


def test_it_can_be_taken_to_another_process():
    exporter = Otlp("http://127.0.0.1:1/v1/traces", {"x": "y"}, "json")
    assert repr(pickle.loads(pickle.dumps(exporter))) == repr(exporter)


@pytest.mark.parametrize(
    "endpoint",
    [
        "collector:4318",
        "ftp://h",
        "http://",
        f"{SECRET}@h",
        f"tcp://{SECRET}@h:1",
        "http://h:0",
        "http://h:x",
        "",
        7,
        "http://a b",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_refused_at_once_without_its_key(endpoint):
    with pytest.raises(BadOption, match="cannot be used: it must be an address such as") as caught:
        Otlp(endpoint)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("headers", [{"a b": SECRET}, {"a": f"{SECRET}\n"}, {"a": None}, {7: SECRET}, SECRET])
def test_headers_that_are_none_are_refused_at_once_without_their_values(headers):
    with pytest.raises(BadOption, match="headers cannot be used") as caught:
        Otlp("http://h", headers)
    assert SECRET not in str(caught.value)


def test_an_encoding_that_is_none_is_refused_at_once():
    with pytest.raises(BadOption, match="'protobuf' or 'json'"):
        Otlp("http://h", encoding="grpc")


@pytest.mark.parametrize("exporter", [{"exporter": "otlp"}, {}])
def test_grpc_is_refused_where_only_the_environment_says_what_to_speak(monkeypatch, exporter):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(BadOption, match="http/protobuf or http/json"):
        instrument.init(**exporter)


def test_an_address_of_the_environment_that_is_none_counts_as_not_set(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")
    assert repr(instrument.init().exporter) == "Local()"
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is ignored" in caplog.text
    assert Otlp()._route(Options.read()).destination == "http://localhost:4318/v1/traces"


def test_without_any_word_the_receiver_is_on_this_machine(connected):
    exporter = connected(Otlp())
    assert repr(exporter) == "Otlp()"
    assert exporter._route(Options.read()).destination == "http://localhost:4318/v1/traces"


@pytest.mark.parametrize(
    ("code", "outcome", "is_final"),
    [
        *((code, "later", False) for code in (429, 502, 503, 504, 307, 401, 403, 404)),
        *((code, "refused", False) for code in (400, 413, 422, 431)),
        *((code, "refused", True) for code in (402, 405, 408, 409, 410, 415, 425, 500, 501, 505, 507, 599)),
    ],
)
def test_only_a_few_answers_allow_to_send_the_same_again(code, outcome, is_final):
    given = Answer("refused" if code in (400, 413, 415, 422, 431) else "later", code, detail="as HTTP has it")
    answer = OtlpTransport(MemoryTransport([given])).send(b"x")
    assert (answer.outcome, answer.is_final, answer.detail) == (outcome, is_final, "as HTTP has it")


def test_no_answer_allows_to_send_the_same_again():
    for given in (Answer("unreachable", detail="reset"), Answer("unreachable", 200, detail="a web page")):
        assert OtlpTransport(MemoryTransport([given])).send(b"x") == given


def world_with(*answers):
    world = World(max_records=100, options={"limits": OTLP_LIMITS})
    world.answer(*answers)
    world.delivery._transport = OtlpTransport(world.transport)
    return world


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_after_these_answers_everything_is_kept_and_sent_again(code):
    world = world_with(*[Answer("later", code)] * 3)
    world.add("a", "b")
    world.run(600)
    assert sorted(world.arrived) == ["a", "b"]
    assert world.books.stats().balanced
    assert world.books.stats().spans.delivered == 6


@pytest.mark.parametrize("code", [429, 503])
def test_what_retry_after_asks_for_is_kept_to(code):
    world = world_with(Answer("later", code, {"retry-after": "30"}))
    world.add("a")
    world.run(29)
    assert len(world.tried) == 1
    world.run(10)
    assert world.arrived == ["a"]


def test_a_429_that_says_no_time_is_tried_again_soon_and_then_less_and_less_often():
    world = world_with()
    world.transport.always = Answer("later", 429)
    world.add("a")
    world.run(2)
    assert len(world.tried) == 3
    world.run(600)
    assert len(world.tried) < 25
    world.transport.always = Answer("accepted", 200)
    world.run(61)
    assert world.arrived == ["a"]


@pytest.mark.parametrize("kind", ["transaction", "error"])
def test_a_limit_of_spans_is_for_all_that_is_sent(kind):
    world = world_with(Answer("accepted", 200, {"x-sentry-rate-limits": "60:span:organization, 900:transaction;error"}))
    world.add("a", kind=kind)
    world.run()
    world.add("b", kind=kind)
    world.run(59)
    assert world.arrived == ["a"]
    world.run(2)
    assert world.arrived == ["a", "b"]


@pytest.mark.parametrize("code", [402, 408, 500, 501])
def test_any_other_answer_is_final_for_all_that_was_sent(code, caplog):
    world = world_with(Answer("later", code, detail=f"HTTP {code}"))
    world.add("a", "b", "c")
    world.run(600)
    assert world.tried == [["a", "b", "c"]]
    stats = world.books.stats()
    assert (stats.transactions.rejected, stats.spans.rejected) == (3, 9)
    assert stats.balanced
    assert f"HTTP {code}" in caplog.text


@pytest.mark.parametrize("code", [400, 413])
def test_a_body_that_is_refused_is_halved_until_the_culprit_stands_alone(code):
    class Picky(MemoryTransport):
        def send(self, body):
            self.always = Answer("refused", code) if b"bad" in body else Answer("accepted", 200)
            return super().send(body)

    world = World(max_records=100, transport=Picky())
    world.delivery._transport = OtlpTransport(world.transport)
    world.add("a", "b", "c", "bad", "d")
    world.run(60)
    assert sorted(world.arrived) == ["a", "b", "c", "d"]
    stats = world.books.stats()
    assert (stats.transactions.delivered, stats.transactions.rejected, stats.spans.rejected) == (4, 1, 3)
    assert stats.balanced


@pytest.mark.parametrize("code", [307, 401, 403, 404])
def test_a_wrong_setting_loses_nothing_and_is_tried_rarely(code):
    world = world_with(*[Answer("later", code)] * 2)
    world.add("a")
    world.run(590)
    assert len(world.tried) == 2
    world.run(600)
    assert world.arrived == ["a"]


def partial(rejected, message="", encoding="protobuf"):
    if encoding == "json":
        told = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": message}}
        return Answer("accepted", 200, {"content-type": "application/json"}, json.dumps(told).encode())
    told = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    body = ExportTraceServiceResponse(partial_success=told).SerializeToString()
    return Answer("accepted", 200, {"content-type": PROTOBUF}, body)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("rejected", "transactions", "spans"), [(2, 0, 2), (6, 2, 6), (99, 2, 6), (0, 0, 0), (-5, 0, 0)]
)
def test_spans_of_a_partial_success_are_rejected_and_never_sent_again(encoding, rejected, transactions, spans, caplog):
    world = world_with(partial(rejected, f"too\nold {'x' * 900}", encoding))
    world.add("a", "b")
    world.run(600)
    assert len(world.tried) == 1
    stats = world.books.stats()
    assert (stats.transactions.rejected, stats.spans.rejected) == (transactions, spans)
    assert (stats.transactions.delivered, stats.spans.delivered) == (2 - transactions, 6 - spans)
    assert stats.balanced
    (line,) = caplog.messages
    assert "too old" in line
    assert len(line) < 400


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_answer_that_does_not_say_its_type_is_of_that_of_the_request(encoding):
    answer = partial(2, encoding=encoding)
    asked = answer.headers["content-type"]
    for told in ({}, {"content-type": ""}, {"content-type": asked}):
        transport = OtlpTransport(MemoryTransport([Answer("accepted", 200, told, answer.body)]), asked)
        assert transport.send(b"x").spans_refused == 2


def test_errors_of_a_partial_success_are_rejected_one_by_one():
    world = world_with(partial(1))
    world.add("a", "b", kind="error")
    world.run(60)
    assert (world.books.stats().errors.delivered, world.books.stats().errors.rejected) == (1, 1)
    assert world.books.stats().balanced


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_a_real_receiver_finds_too_large_arrives_without_its_largest_attributes(
    server, connected, encoding, caplog
):
    def answer(request, connection):
        return status(200) if len(request.body) < 4000 else status(413)

    server.answer = answer
    exporter = connected(Otlp(base(server), encoding=encoding))
    large = transaction("large")
    large.data.update(blob="x" * 5000, region="north")
    exporter.export(large)
    assert exporter.flush(LIMIT)
    (span,) = spans_of(parsed(server.received[-1].body, encoding))
    assert span.name == "large"
    assert span.dropped_attributes_count == 1
    assert "region" in [one.key for one in span.attributes]
    assert exporter.books.stats().transactions.delivered == 1
    assert "took one transaction only without its largest attributes" in caplog.text


def test_the_project_of_a_dsn_limits_spans(server, connected):
    server.answer = status(202, "X-Sentry-Rate-Limits: 600:span:organization")
    exporter = connected(Otlp(f"http://{SECRET}@127.0.0.1:{server.port}/42"))
    exporter.export(transaction("taken"))
    assert exporter.flush(LIMIT)
    exporter.export(transaction("held"))
    assert not exporter.flush(0.3)
    assert names_in(server.received) == ["taken"]


def test_a_real_receiver_that_says_no_type_is_understood(server, connected):
    server.answer = status(200, body=b'{"partialSuccess":{"rejectedSpans":"1"}}')
    exporter = connected(Otlp(base(server), encoding="json"))
    exporter.export(transaction())
    assert exporter.flush(LIMIT)
    assert exporter.books.stats().spans.rejected == 1


def test_a_real_receiver_that_was_away_gets_everything_once(server, connected):
    answers = iter([status(503), status(502), *[status(200)] * 9])
    server.answer = lambda request, connection: next(answers)
    exporter = connected(Otlp(base(server)))
    for name in "abc":
        exporter.export(transaction(name))
    exporter.export(error("boom"))
    assert exporter.flush(LIMIT)
    taken = [name for request in server.received[2:] for name in names_in([request])]
    assert sorted(taken) == ["a", "b", "c", "message"]
    assert exporter.books.stats().transactions.delivered == 3


def test_what_a_dead_process_left_for_another_tenant_is_not_taken(server, connected, tmp_path):
    """Nor what it left in the other encoding: a body is of one kind."""
    dead = {"headers": {"X-Team": "north"}, "encoding": "protobuf"}
    server.answer = status(503)
    child = os.fork()
    if not child:
        try:
            one = connected(Otlp(base(server), **dead))
            one.export(transaction("left"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    server.answer = status(200)
    for other in ({"headers": {"X-Team": "south"}}, {**dead, "encoding": "json"}):
        exporter = connected(Otlp(base(server), **other))
        assert exporter.flush(LIMIT, orphans=True)
    before = len(server.received)
    assert connected(Otlp(base(server), **dead)).flush(LIMIT, orphans=True)
    assert names_in(server.received[before:]) == ["left"]
    assert all(request.headers["x-team"] == "north" for request in server.received[before:])


def test_two_destinations_get_the_same(server, connected):
    memory = Memory()
    instrument.init(exporter=[memory, Otlp(base(server))])
    with instrument.transaction(name="t"):
        pass
    assert instrument.flush(LIMIT)
    assert names_in(server.received) == [memory.transactions[0].name] == ["t"]


def test_our_own_requests_are_not_traced(server):
    instrument.init(exporter=Otlp(base(server)))
    with instrument.transaction(name="t"):
        assert instrument.flush(LIMIT)
    with instrument.transaction(name="u"):
        assert instrument.flush(LIMIT)
    assert instrument.flush(LIMIT)
    assert names_in(server.received) == ["t", "u"]


def test_making_one_does_nothing_and_loads_nothing(tmp_path):
    program = "import sys\nfrom instrument.exporters import Otlp\none = Otlp('http://h'), Otlp()\n" + (
        "print([name for name in ('requests', 'urllib3', 'sqlite3', 'opentelemetry', 'google') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (status(200), "ok", "took it"),
        (status(401), "problem", "OTEL_EXPORTER_OTLP_HEADERS"),
        (status(404), "problem", "Is the path of the endpoint right?"),
        (status(500), "problem", "refused it for good"),
        (
            status(200, "Content-Type: application/json", body=b'{"partialSuccess":{"rejectedSpans":"2"}}'),
            "problem",
            "rejected 2 spans",
        ),
    ],
)
def test_the_doctor_sends_a_span_to_a_receiver_too(server, monkeypatch, capsys, answer, level, words):
    server.answer = answer
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", base(server))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-key={SECRET}")
    main(["doctor", "--json", "--timeout", "5"])
    printed = capsys.readouterr().out
    findings = json.loads(printed)["findings"]
    (found,) = [one for one in findings if one["check"] == "span"]
    assert found["level"] == level
    assert words in f"{found['text']} {found['advice']}"
    (place,) = [one["text"] for one in findings if one["check"] == "destination"]
    assert place == f"Otlp: {base(server)}/v1/traces"
    assert SECRET not in printed


def test_the_command_delivers_what_a_dead_process_left_for_a_receiver(server, connected, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", base(server))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=north")
    monkeypatch.setenv("INSTRUMENT_SPOOL_DIR", str(tmp_path / "spool"))
    server.answer = status(503)
    child = os.fork()
    if not child:
        try:
            connected(Otlp()).export(transaction("left"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    server.answer = status(200)
    before = len(server.received)
    assert main(["flush"]) == 0
    assert "1 delivered" in capsys.readouterr().out
    assert names_in(server.received[before:]) == ["left"]


def test_variables_may_name_several_destinations(server, monkeypatch, capsys):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console,otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", base(server))
    instrument.init()
    with instrument.transaction(name="both"):
        pass
    assert instrument.flush(LIMIT)
    assert names_in(server.received) == ["both"]
    assert "both" in capsys.readouterr().err
