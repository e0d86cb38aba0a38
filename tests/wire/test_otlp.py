"""Items as OTLP, read by OpenTelemetry's own messages."""

import json
import math
from base64 import b64encode

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import instrument
from instrument.exporters import Memory
from instrument.wire.otlp import OtlpCodec, rejected_spans
from tests.wire.given import NOW, GivenSpan, error, transaction

ENCODINGS = ["protobuf", "json"]
TRACE, ROOT, CALLER = "a" * 32, "b" * 16, "c" * 16
IDS = {"traceId", "spanId", "parentSpanId"}


def parsed(body, encoding):
    """The request as a strict receiver reads it: protobuf as it is, JSON with its ids in hex."""
    if encoding == "protobuf":
        return ExportTraceServiceRequest.FromString(body)
    found = json.loads(body, object_hook=_with_ids, parse_constant=pytest.fail)
    return ParseDict(found, ExportTraceServiceRequest(), ignore_unknown_fields=False)


def _with_ids(found):
    return {key: b64encode(bytes.fromhex(value)).decode() if key in IDS else value for key, value in found.items()}


def sent(*items, encoding="protobuf", **options):
    codec = OtlpCodec(encoding, **options)
    return parsed(codec.join([codec.encode(item) for item in items]), encoding)


def spans_of(request):
    return [span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans]


def plain(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(one) for one in value.array_value.values]
    return None if kind is None else getattr(value, kind)


def attributes_of(holder):
    names = [one.key for one in holder.attributes]
    assert len(set(names)) == len(names), names
    return {one.key: plain(one.value) for one in holder.attributes}


def only_child(encoding="protobuf", **fields):
    (_, child) = spans_of(sent(transaction(GivenSpan(**fields)), encoding=encoding))
    return child


def test_the_json_is_that_of_the_specification():
    item = transaction(
        GivenSpan(
            span_id="0011223344556677",
            parent_span_id="8899aabbccddeeff",
            op="db",
            description="SELECT 1",
            start_ticks=0,
            end_ticks=250_000_000,
            data={"db.system": "sqlite", "rows": 500, "sentry.origin": "auto.db"},
            status="internal_error",
        ),
        trace_id="0123456789abcdef0123456789abcdef",
        span_id="8899aabbccddeeff",
        name="GET /items/{id}",
        op="http.server",
        source="route",
        status="internal_error",
        time=1767323045000000000,
        end=1767323045250000000,
        epoch=1767323045000000000,
        data={"http.response.status_code": 500},
        contexts={"process": {"pid": 7, "service": "shop"}},
        sdk={"name": "instrument.python", "version": "0.1.0"},
    )
    shared = {"traceId": "0123456789abcdef0123456789abcdef", "startTimeUnixNano": "1767323045000000000", "flags": 257}
    shared["endTimeUnixNano"] = "1767323045250000000"
    (record,) = json.loads(OtlpCodec("json").encode(item))["resourceSpans"]
    assert record["resource"] == {
        "attributes": [
            {"key": "service.name", "value": {"stringValue": "shop"}},
            {"key": "process.pid", "value": {"intValue": "7"}},
            {"key": "telemetry.sdk.language", "value": {"stringValue": "python"}},
            {"key": "telemetry.sdk.name", "value": {"stringValue": "instrument.python"}},
            {"key": "telemetry.sdk.version", "value": {"stringValue": "0.1.0"}},
        ]
    }
    (scoped,) = record["scopeSpans"]
    assert scoped["scope"]["name"] == "instrument"
    assert scoped["spans"] == [
        {
            **shared,
            "spanId": "8899aabbccddeeff",
            "name": "GET /items/{id}",
            "kind": 2,
            "attributes": [
                {"key": "http.response.status_code", "value": {"intValue": "500"}},
                {"key": "sentry.op", "value": {"stringValue": "http.server"}},
                {"key": "error.type", "value": {"stringValue": "500"}},
                {"key": "sentry.segment.name.source", "value": {"stringValue": "route"}},
            ],
            "status": {"code": 2, "message": "internal_error"},
        },
        {
            **shared,
            "spanId": "0011223344556677",
            "parentSpanId": "8899aabbccddeeff",
            "name": "SELECT 1",
            "kind": 3,
            "attributes": [
                {"key": "db.system.name", "value": {"stringValue": "sqlite"}},
                {"key": "rows", "value": {"intValue": "500"}},
                {"key": "sentry.origin", "value": {"stringValue": "auto.db"}},
                {"key": "sentry.op", "value": {"stringValue": "db"}},
                {"key": "error.type", "value": {"stringValue": "internal_error"}},
            ],
            "status": {"code": 2, "message": "internal_error"},
        },
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_ids_parents_and_times_are_exact(encoding):
    child = GivenSpan(span_id="d" * 16, start_ticks=1, end_ticks=1_000_000_003)
    request = sent(transaction(child, parent_span_id=CALLER), encoding=encoding)
    root, below = spans_of(request)
    assert (root.trace_id.hex(), root.span_id.hex(), root.parent_span_id.hex()) == (TRACE, ROOT, CALLER)
    assert (below.trace_id.hex(), below.span_id.hex(), below.parent_span_id.hex()) == (TRACE, "d" * 16, ROOT)
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (NOW, NOW + 10**9)
    assert (below.start_time_unix_nano, below.end_time_unix_nano) == (NOW + 1, NOW + 1_000_000_003)


def test_a_root_without_a_caller_has_no_parent():
    (root,) = spans_of(sent(transaction()))
    assert root.parent_span_id == b""


def test_a_span_never_ends_before_it_starts():
    child = only_child(start_ticks=10, end_ticks=5)
    assert child.end_time_unix_nano == child.start_time_unix_nano


@pytest.mark.parametrize(
    ("op", "kind"),
    [
        ("http.server", "SERVER"),
        ("websocket.server", "SERVER"),
        ("grpc.server", "SERVER"),
        ("http.client", "CLIENT"),
        ("grpc.client", "CLIENT"),
        ("db", "CLIENT"),
        ("db.redis", "CLIENT"),
        ("cache.get", "CLIENT"),
        ("queue.publish", "PRODUCER"),
        ("queue.submit.celery", "PRODUCER"),
        ("queue.process", "CONSUMER"),
        ("queue.task.celery", "CONSUMER"),
        ("function", "INTERNAL"),
        (None, "INTERNAL"),
        ("x" * 200, "INTERNAL"),
    ],
)
def test_the_op_decides_which_side_of_a_call_a_span_is(op, kind):
    child = only_child(op=op)
    assert Span.SpanKind.Name(child.kind) == f"SPAN_KIND_{kind}"
    assert attributes_of(child).get("sentry.op") == op


OPEN, FINE, FAILED = Status.STATUS_CODE_UNSET, Status.STATUS_CODE_OK, Status.STATUS_CODE_ERROR


@pytest.mark.parametrize(
    ("op", "status", "data", "code", "error_type"),
    [
        ("task", None, None, OPEN, None),
        ("task", "ok", None, FINE, None),
        ("task", "ok", {"sentry.origin": "auto.db"}, OPEN, None),
        ("task", "ok", {"http.response.status_code": 200}, OPEN, None),
        ("task", "not_found", None, FAILED, "not_found"),
        ("task", "odd one", None, FAILED, "odd one"),
        ("task", "internal_error", {"error.type": "KeyError"}, FAILED, "KeyError"),
        ("http.server", "not_found", {"http.response.status_code": 404}, OPEN, None),
        ("http.server", "aborted", {"http.response.status_code": 404}, FAILED, "404"),
        ("http.server", "internal_error", {"http.response.status_code": 500}, FAILED, "500"),
        ("http.client", "not_found", {"http.response.status_code": 404}, FAILED, "404"),
        ("http.client", "internal_error", {"http.response.status_code": 500}, FAILED, "500"),
    ],
)
def test_a_failing_status_is_an_error_and_any_other_is_left_open(op, status, data, code, error_type):
    child = only_child(op=op, status=status, data=data)
    assert child.status.code == code
    assert child.status.message == (status if code == FAILED else "")
    assert attributes_of(child).get("error.type") == error_type


@pytest.mark.parametrize(
    ("fields", "name", "more"),
    [
        ({"op": "task", "description": "parse"}, "parse", {}),
        ({"op": "task", "description": None}, "task", {}),
        ({"op": None, "description": None}, "<unlabeled span>", {}),
        ({"op": "db", "description": "load users"}, "load users", {}),
        ({"op": "db", "description": "SELECT ?"}, "SELECT ?", {}),
        *(
            ({"op": "db", "description": statement}, summary, {"db.query.text": statement})
            for statement, summary in [
                ("SELECT * FROM items WHERE id = ?", "SELECT items"),
                ('select a from "items"', "SELECT items"),
                ("INSERT INTO shop.items VALUES (?)", "INSERT shop.items"),
                ("UPDATE items SET a = ?", "UPDATE items"),
                ("DELETE FROM items", "DELETE items"),
                ("CREATE TABLE IF NOT EXISTS items (id)", "CREATE items"),
            ]
        ),
        (
            {"op": "http.client", "description": "GET http://x/7", "data": {"http.method": "GET", "url": "http://x/7"}},
            "GET",
            {"url.full": "http://x/7", "http.request.method": "GET"},
        ),
        (
            {
                "op": "http.client",
                "description": "GET http://x/7",
                "data": {"http.method": "GET", "url": "http://x/7", "http.query": "a=b"},
            },
            "GET",
            {"url.full": "http://x/7?a=b", "url.query": "a=b"},
        ),
        ({"op": "http.client", "description": "fetch avatar"}, "fetch avatar", {}),
    ],
)
def test_many_spans_share_a_name_and_what_was_said_in_full_is_an_attribute(fields, name, more):
    child = only_child(**fields)
    assert child.name == name
    assert attributes_of(child).items() >= more.items()
    assert "url" not in attributes_of(child)


def test_names_that_were_given_up_become_those_in_their_place():
    data = {"db.system": "sqlite", "db.name": "shop", "code.lineno": 7, "code.function": "load", "my.own": 1}
    found = attributes_of(only_child(data=data, tags={"http.status_code": "404"}))
    assert found.items() >= {"db.system.name": "sqlite", "db.namespace": "shop", "my.own": 1}.items()
    assert found.items() >= {"code.line.number": 7, "code.function.name": "load"}.items()
    assert found["http.response.status_code"] == "404"
    assert not found.keys() & {"db.system", "db.name", "code.lineno", "http.status_code"}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        ("größer 🎉", "größer 🎉"),
        ("", ""),
        (True, True),
        (False, False),
        (0, 0),
        (127, 127),
        (128, 128),
        (-1, -1),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, str(2**63)),
        (2**70, str(2**70)),
        (1.0, 1.0),
        (0.1, 0.1),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        ([1, 2.5, "x", True], [1, 2.5, "x", True]),
        ([], []),
        ((1, 2**70), [1, str(2**70)]),
        ([1, [2]], "[1,[2]]"),
        ([1, None], "[1,null]"),
        ({"a": {"b": [1]}}, '{"a":{"b":[1]}}'),
        ("x" * 5000, "x" * 5000),
        ("\ud800", "\\ud800"),
        (b"\x00\xff", "<bytes, 2 long: AP8=>"),
        (object, "<class object>"),
    ],
)
def test_values_keep_their_type_where_the_protocol_has_it(encoding, value, shown):
    found = attributes_of(only_child(encoding, data={"it": value}))["it"]
    assert found == shown
    assert type(found) is type(shown)


@pytest.mark.parametrize("key_length", [1, 60, 121, 122, 126, 200])
def test_texts_and_names_of_every_length_are_told_by_the_right_one(key_length):
    key = "k" * key_length
    for length in [*range(140), *range(16_370, 16_400)]:
        for value in ("x" * length, ["x" * length], 2**length if length < 63 else 0.5):
            assert attributes_of(only_child(data={key: value}))[key] == value


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_no_number_is_none(encoding):
    assert math.isnan(attributes_of(only_child(encoding, data={"it": math.nan}))["it"])


def test_json_has_large_and_odd_numbers_as_text():
    values = {"n": math.nan, "i": math.inf, "m": -math.inf, "large": 2**62}
    body = OtlpCodec("json").encode(transaction(GivenSpan(data=values))).decode()
    for name, shown in (("n", "NaN"), ("i", "Infinity"), ("m", "-Infinity")):
        assert f'{{"key":"{name}","value":{{"doubleValue":"{shown}"}}}}' in body
    assert f'{{"intValue":"{2**62}"}}' in body


def test_a_value_that_is_none_is_left_out():
    assert "it" not in attributes_of(only_child(data={"it": None}))


def test_tags_and_measurements_are_attributes_and_data_comes_first():
    measured = {"size": {"value": 7, "unit": "byte"}, "share": {"value": 0.5, "unit": ""}}
    found = attributes_of(only_child(data={"k": "data"}, tags={"k": "tag", "t": "tag"}, measurements=measured))
    assert found.items() >= {"k": "data", "t": "tag", "size": 7, "size.unit": "byte", "share": 0.5}.items()
    assert "share.unit" not in found


def test_the_root_has_what_is_known_of_the_whole():
    item = transaction(
        tags={"shop": "north"},
        user={"id": "7", "username": "ada", "ip_address": "192.0.2.1", "plan": "free"},
        request={
            "method": "GET",
            "url": "http://shop.test/items/7",
            "query_string": "page=2",
            "headers": {"User-Agent": "curl"},
            "env": {"REMOTE_ADDR": "192.0.2.2"},
        },
        contexts={"order": {"id": 12, "lines": [{"a": 1}]}, "runtime": {"name": "CPython"}},
        extra={"note": "x"},
        dist="7",
        origin="auto.http.wsgi",
        measurements={"rows": {"value": 3, "unit": ""}},
    )
    (root,) = spans_of(sent(item))
    assert attributes_of(root) == {
        "sentry.origin": "auto.http.wsgi",
        "sentry.segment.name.source": "custom",
        "shop": "north",
        "user.id": "7",
        "user.name": "ada",
        "client.address": "192.0.2.1",
        "user.plan": "free",
        "http.request.method": "GET",
        "url.full": "http://shop.test/items/7?page=2",
        "url.query": "page=2",
        "url.scheme": "http",
        "server.address": "shop.test",
        "server.port": 80,
        "user_agent.original": "curl",
        "http.request.header.user-agent": ["curl"],
        "order.id": 12,
        "order.lines": '[{"a":1}]',
        "note": "x",
        "sentry.dist": "7",
        "rows": 3,
    }


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_resource_says_which_process_of_which_service_it_was(encoding):
    item = transaction(
        release="shop@1",
        environment="staging",
        server_name="host-1",
        contexts={"process": {"pid": 7, "service": "shop"}, "runtime": {"name": "CPython", "version": "3.11.2"}},
        sdk={"name": "instrument.python", "version": "0.1"},
    )
    request = sent(item, encoding=encoding, resource={"k8s.pod.name": "shop-1", "service.version": "older"})
    assert attributes_of(request.resource_spans[0].resource) == {
        "k8s.pod.name": "shop-1",
        "service.name": "shop",
        "service.version": "shop@1",
        "deployment.environment.name": "staging",
        "host.name": "host-1",
        "process.pid": 7,
        "process.runtime.name": "CPython",
        "process.runtime.version": "3.11.2",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "instrument.python",
        "telemetry.sdk.version": "0.1",
    }


def test_a_service_without_a_name_is_unknown():
    resource = attributes_of(sent(transaction()).resource_spans[0].resource)
    assert resource["service.name"].startswith("unknown_service")


def test_a_forked_child_is_another_resource():
    codec = OtlpCodec()
    pids = []
    for pid in [*range(30), 7]:
        request = parsed(codec.encode(transaction(contexts={"process": {"pid": pid}})), "protobuf")
        pids.append(attributes_of(request.resource_spans[0].resource)["process.pid"])
    assert pids == [*range(30), 7]


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({}, 0x101),
        ({"parent_span_id": CALLER, "op": "http.server"}, 0x301),
        ({"parent_span_id": CALLER, "op": "queue.process"}, 0x301),
        ({"parent_span_id": CALLER, "op": "task"}, 0x001),
    ],
)
def test_the_flags_say_sampled_and_whether_the_parent_is_elsewhere_if_that_is_known(fields, flags):
    root, child = spans_of(sent(transaction(GivenSpan(), **fields)))
    assert root.flags == flags
    assert child.flags == 0x101


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_records_joined_are_one_request_with_all_of_them(encoding):
    items = [transaction(GivenSpan(), name=f"t{number}") for number in range(3)]
    request = sent(*items, error(message="boom"), encoding=encoding)
    assert len(request.resource_spans) == 4
    assert [span.name for span in spans_of(request)] == [
        "t0",
        "SELECT 1",
        "t1",
        "SELECT 1",
        "t2",
        "SELECT 1",
        "message",
    ]


def test_an_exception_is_a_span_without_duration_below_the_one_it_happened_in():
    memory = Memory()
    instrument.init(exporter=memory)
    with instrument.transaction(op="task", name="t"), instrument.span("step") as step:
        try:
            try:
                raise KeyError("first")
            except KeyError as first:
                raise ValueError("second") from first
        except ValueError as second:
            event_id = instrument.capture_exception(second)
    (event,) = memory.errors
    (span,) = spans_of(sent(event))
    assert span.span_id.hex() == event_id[:16]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (step.trace_id, step.span_id)
    assert span.start_time_unix_nano == span.end_time_unix_nano == event.time
    assert (span.name, span.status.code, span.status.message) == ("ValueError", FAILED, "second")
    assert attributes_of(span).items() >= {"sentry.event_id": event_id, "error.type": "ValueError"}.items()
    (happened,) = span.events
    assert happened.name == "exception"
    said = attributes_of(happened)
    assert (said["exception.type"], said["exception.message"]) == ("ValueError", "second")
    lines = said["exception.stacktrace"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "KeyError: 'first'" in lines
    assert "The above exception was the direct cause of the following exception:" in lines
    assert '    raise ValueError("second") from first' in lines
    assert lines[-1] == "ValueError: second"
    assert "test_otlp.py" in said["exception.stacktrace"]


def test_an_error_outside_of_any_span_has_no_parent():
    memory = Memory()
    instrument.init(exporter=memory)
    instrument.capture_message("lonely")
    (span,) = spans_of(sent(memory.errors[0]))
    assert span.parent_span_id == b""
    assert (span.name, span.status.code) == ("message", OPEN)
    assert attributes_of(span).items() >= {"message": "lonely", "level": "info"}.items()
    assert [(one.name, attributes_of(one)) for one in span.events] == [("message", {"message": "lonely"})]


def test_breadcrumbs_are_events_at_their_times():
    crumbs = [
        {"timestamp": 1767323045.25, "category": "query", "message": "SELECT 1", "data": {"rows": 3}},
        {"timestamp": "soon", "type": "default"},
    ]
    (span,) = spans_of(sent(error(message="m", breadcrumbs=crumbs)))
    assert [(one.time_unix_nano, one.name) for one in span.events] == [
        (1767323045250000000, "query"),
        (NOW, "default"),
        (NOW, "message"),
    ]
    assert attributes_of(span.events[0]) == {"message": "SELECT 1", "rows": 3}


def test_a_long_stack_keeps_its_end():
    frames = [{"filename": "a.py", "function": "f", "lineno": 1, "context_line": "x" * 500}] * 300
    raised = [{"type": "RecursionError", "value": "deep", "stacktrace": {"frames": frames}}]
    (span,) = spans_of(sent(error(exceptions=raised)))
    stack = attributes_of(span.events[0])["exception.stacktrace"]
    assert len(stack) < 70_000
    assert stack.endswith("RecursionError: deep\n")


def test_more_attributes_and_events_than_others_take_are_counted():
    (_, child) = spans_of(sent(transaction(GivenSpan(op=None, data={f"k{n}": n for n in range(200)}))))
    assert (len(child.attributes), child.dropped_attributes_count) == (128, 72)
    (span,) = spans_of(sent(error(message="m", breadcrumbs=[{"message": str(n)} for n in range(200)])))
    assert (len(span.events), span.dropped_events_count) == (128, 73)
    assert span.events[-1].name == "message"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_record_that_is_too_large_loses_its_largest_attributes_and_no_span(encoding):
    spans = [GivenSpan(data={"text": "x" * (20_000 if n % 2 else 50), "n": 1}) for n in range(1000)]
    record = OtlpCodec(encoding).encode(transaction(*spans))
    assert len(record) <= 10_000_000
    found = spans_of(parsed(record, encoding))
    assert len(found) == 1001
    small, large = found[1::2], found[2::2]
    assert all(attributes_of(span).items() >= {"n": 1, "text": "x" * 50}.items() for span in small)
    assert all(attributes_of(span)["n"] == 1 for span in large)
    gone = [span for span in large if "text" not in attributes_of(span)]
    assert 0 < len(gone) < 500
    assert all(span.dropped_attributes_count == 1 for span in gone)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_many_small_spans_keep_all_that_they_have(encoding):
    spans = [GivenSpan(op=f"op.{n}", description=f"work {n}", data={"k": n}) for n in range(3500)]
    record = OtlpCodec(encoding).encode(transaction(*spans))
    assert len(record) > (500_000 if encoding == "json" else 300_000)
    found = spans_of(parsed(record, encoding))[1:]
    assert [attributes_of(span)["k"] for span in found] == list(range(3500))


def test_the_item_is_left_as_it_was():
    data, tags = {"db.system": "x"}, {"t": "1"}
    span = GivenSpan(data=data, tags=tags, status="not_found")
    item = transaction(span, data={"k": 1}, tags={"r": "1"}, status="not_found")
    for encoding in ENCODINGS:
        OtlpCodec(encoding).encode(item)
    assert (data, tags, item.data, item.tags) == ({"db.system": "x"}, {"t": "1"}, {"k": 1}, {"r": "1"})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
TEXTS = st.text(st.characters(), max_size=300)  # surrogates included
MAPPINGS = st.dictionaries(TEXTS, VALUES, max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    name=TEXTS,
    op=st.none() | TEXTS,
    description=st.none() | VALUES,
    status=st.none() | VALUES,
    data=MAPPINGS,
    tags=st.dictionaries(TEXTS, TEXTS, max_size=3),
    extra=MAPPINGS,
    user=MAPPINGS,
    request=MAPPINGS,
    release=TEXTS,
)
def test_whatever_was_recorded_both_encodings_say_the_same(
    name, op, description, status, data, tags, extra, user, request, release
):
    child = GivenSpan(op=op, description=description, status=status, data=data or None, tags=tags or None)
    item = transaction(child, name=name, op=op, data=data, tags=tags, extra=extra, user=user, request=request)
    item.release = release
    first, second = (spans_of(sent(item, encoding=encoding)) for encoding in ENCODINGS)
    assert len(first) == len(second) == 2
    for one, other in zip(first, second, strict=True):
        assert one.name == other.name
        assert one.status == other.status
        assert repr(attributes_of(one)) == repr(attributes_of(other))


@settings(max_examples=100, deadline=None)
@given(
    message=st.none() | TEXTS,
    exceptions=st.lists(MAPPINGS, max_size=2),
    crumbs=st.lists(MAPPINGS, max_size=3),
    entry=st.none() | MAPPINGS,
    frames=VALUES,
    contexts=st.dictionaries(TEXTS, MAPPINGS, max_size=2),
)
def test_whatever_an_error_holds_is_taken(message, exceptions, crumbs, entry, frames, contexts):
    exceptions = [{"stacktrace": {"frames": frames}, **one} for one in exceptions]
    item = error(
        message=message, exceptions=exceptions, breadcrumbs=crumbs, logentry=entry, contexts=contexts, level="error"
    )
    for encoding in ENCODINGS:
        (span,) = spans_of(sent(item, encoding=encoding))
        assert len(span.events) == len(crumbs) + 1


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_no_encoding_can_say_is_made_plain(encoding):
    """A hook of the program's may put in anything, after values were made plain."""
    item = transaction(
        GivenSpan(data={"it": object(), "\ud800": 1}, description="\ud800"),
        name="\udfff",
        data={"when": 1j},
        contexts={"process": "gone"},
    )
    root, child = spans_of(sent(item, encoding=encoding))
    assert (root.name, child.name) == ("\\udfff", "\\ud800")
    assert attributes_of(child).items() >= {"it": "<object>", "\\ud800": 1}.items()


def test_ids_of_a_wrong_length_are_replaced_by_right_ones():
    (_, child) = spans_of(sent(transaction(GivenSpan(span_id="abcd", parent_span_id="xyz"))))
    assert (len(child.span_id), len(child.parent_span_id), len(child.trace_id)) == (8, 8, 16)


@pytest.mark.parametrize("count", [0, 3, 2**40])
def test_the_answer_of_a_receiver_is_read(count):
    partial = ExportTracePartialSuccess(rejected_spans=count, error_message="too old")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    assert rejected_spans("application/x-protobuf", body) == (count, "too old")
    said = json.dumps({"partialSuccess": {"rejectedSpans": str(count), "errorMessage": "too old"}}).encode()
    assert rejected_spans("application/json; charset=utf-8", said) == (count, "too old")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-protobuf", b""),
        ("application/json", b"{}"),
        ("application/json", b'{"partialSuccess":{}}'),
        ("application/json", b'{"partialSuccess":{"rejectedSpans":"many","errorMessage":7}}'),
        ("application/json", b'{"partialSuccess":{"rejectedSpans":-1}}'),
        ("application/json", b"[]"),
        ("application/json", b"\xff"),
        ("application/x-protobuf", ExportTracePartialSuccess(rejected_spans=-1).SerializeToString()),
    ],
)
def test_an_answer_that_rejects_nothing_is_one_that_took_all(kind, body):
    assert rejected_spans(kind, body) == (0, "")


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(["application/json", "application/x-protobuf", ""]), body=st.binary(max_size=200))
def test_no_answer_is_a_fault(kind, body):
    rejected, message = rejected_spans(kind, body)
    assert rejected >= 0
    assert isinstance(message, str)
