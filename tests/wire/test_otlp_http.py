"""Requests as OTLP has them, in the words of the semantic conventions; and errors in what is not sent."""

import pytest

import instrument
from instrument.exporters import Memory
from instrument.wire.otlp import OtlpCodec
from tests.wire.given import GivenSpan, error, transaction
from tests.wire.test_otlp import CALLER, ENCODINGS, attributes_of, only_child, parsed, sent, spans_of

SERVER, CLIENT = 2, 3
UNSET = 0


def served(name, source, method="GET", **fields):
    data = {} if method is None else {"http.request.method": method}
    (root,) = spans_of(sent(transaction(name=name, source=source, op="http.server", data=data, **fields)))
    assert root.kind == SERVER
    return root


@pytest.mark.parametrize(
    ("name", "source", "method", "shown"),
    [
        ("GET /users/123", "url", "GET", "GET"),
        ("GET /users/{id}", "route", "GET", "GET /users/{id}"),
        ("app.views.user", "view", "GET", "app.views.user"),
        ("BREW /users/123", "url", "BREW", "HTTP"),
        ("BREW /users/{id}", "route", "BREW", "HTTP /users/{id}"),
        ("get /users/{id}", "route", "get", "GET /users/{id}"),
        ("/users", "url", None, "/users"),
    ],
)
def test_the_name_of_a_request_never_has_its_path(name, source, method, shown):
    assert served(name, source, method).name == shown


@pytest.mark.parametrize(("method", "known"), [("BREW", "_OTHER"), ("get", "GET")])
def test_a_method_that_is_not_known_is_kept_beside(method, known):
    said = {"http.request.method": known, "http.request.method_original": method}
    assert attributes_of(served(f"{method} /x", "url", method)).items() >= said.items()
    data = {"http.method": method, "url": "http://h/p"}
    child = only_child(op="http.client", description=f"{method} http://h/p", data=data)
    assert attributes_of(child).items() >= said.items()
    assert child.name == ("HTTP" if known == "_OTHER" else "GET")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://shop.test:8080/items/7", ("http", "shop.test", 8080)),
        ("https://shop.test/", ("https", "shop.test", 443)),
        ("https://[2001:db8::1]:8443/x", ("https", "2001:db8::1", 8443)),
    ],
)
def test_both_sides_say_where_the_server_is(url, place):
    names = ("url.scheme", "server.address", "server.port")
    request = {"url": url, "headers": {"User-Agent": "curl/8"}}
    root = attributes_of(served("GET /items/7", "url", request=request))
    assert tuple(root[name] for name in names) == place
    assert root["user_agent.original"] == "curl/8"
    child = attributes_of(only_child(op="http.client", data={"http.method": "GET", "url": url}))
    assert tuple(child[name] for name in names[1:]) == place[1:]
    assert child["url.full"] == url


@pytest.mark.parametrize("url", ["http://h:port/", "nothing", "http://[::1/", "/items"])
def test_an_address_that_is_none_says_nothing_of_a_server(url):
    root = attributes_of(served("GET /", "url", request={"url": url}))
    assert "server.port" not in root
    assert root["url.full"] == url


def test_what_instrumentation_says_of_the_server_stays():
    data = {"http.method": "GET", "url": "http://proxy:3128/", "server.address": "h", "server.port": 1}
    assert attributes_of(only_child(op="http.client", data=data)).items() >= {"server.port": 1}.items()


def test_the_code_of_an_answer_has_one_name():
    contexts = {"response": {"status_code": 200, "body_size": 3}}
    root = attributes_of(served("GET /", "url", contexts=contexts))
    assert "response.status_code" not in root
    assert root["response.body_size"] == 3


@pytest.mark.parametrize(("status", "code"), [("OK", 1), (0, 1), ("NOT_FOUND", 2), (5, 2)])
def test_statuses_of_grpc_are_understood(status, code):
    child = only_child(op="function", description="f", status=status)
    assert (child.status.code, child.status.message) == (code, "" if code == 1 else "not_found")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_state_of_the_trace_goes_along(encoding):
    items = [transaction(GivenSpan(), tracestate="v=1,w=2"), error(message="m", tracestate="v=1,w=2")]
    spans = spans_of(sent(*items, encoding=encoding))
    assert [span.trace_state for span in spans] == ["v=1,w=2"] * 3
    assert {span.trace_state for span in spans_of(sent(transaction(GivenSpan()), encoding=encoding))} == {""}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_odd_state_of_the_trace_costs_nothing_else(encoding):
    record = OtlpCodec(encoding).encode(transaction(GivenSpan(), tracestate="v=\ud800"))
    assert len(spans_of(parsed(record, encoding))) == 2


@pytest.mark.parametrize("unsampled", [{"sampled": False}, {"dynamic_sampling_context": {"sampled": "false"}}])
def test_an_error_in_what_is_not_recorded_names_no_parent_and_is_not_called_sampled(unsampled):
    (span,) = spans_of(sent(error(message="m", op="job", parent_span_id=CALLER, **unsampled)))
    assert (span.flags, span.parent_span_id) == (256, b"")


@pytest.mark.parametrize("sampled", [{}, {"sampled": True}, {"dynamic_sampling_context": {"sampled": "true"}}])
def test_an_error_in_what_is_recorded_does(sampled):
    item = error(message="m", op="job", **sampled)
    (span,) = spans_of(sent(item))
    assert (span.flags, span.parent_span_id.hex()) == (257, item.span_id)


def test_an_error_in_an_unsampled_transaction_stands_alone():
    memory = Memory()
    instrument.init(exporter=memory, default_integrations=False)
    with instrument.transaction("job", "n", sampled=False):
        instrument.capture_message("m", "error")
    (span,) = spans_of(sent(memory.errors[0]))
    assert (span.flags, span.parent_span_id) == (256, b"")
