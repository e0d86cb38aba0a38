"""What a request of OTLP loses when a receiver finds it too large, read by OpenTelemetry's own messages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.wire.otlp import OtlpCodec
from instrument.wire.otlp_lean import lean_json, lean_protobuf
from tests.wire.given import NOW, GivenSpan, error, transaction
from tests.wire.test_otlp import ENCODINGS, attributes_of, parsed, spans_of

LEAN = {"json": lean_json, "protobuf": lean_protobuf}
BOTH = pytest.mark.parametrize("encoding", ENCODINGS)


def record(item, encoding):
    return OtlpCodec(encoding).encode(item)


def lean(item, encoding):
    """The spans of an item that was too large."""
    return spans_of(parsed(OtlpCodec(encoding).lean(record(item, encoding)), encoding))


@BOTH
def test_the_largest_attributes_go_and_the_small_ones_stay(encoding):
    item = transaction(GivenSpan(data={"blob": "x" * 5000, "rows": 7}), data={"region": "north", "note": "y" * 900})
    root, child = lean(item, encoding)
    assert attributes_of(root).items() >= {"region": "north", "note": "y" * 900}.items()
    assert attributes_of(child)["rows"] == 7
    assert "blob" not in attributes_of(child)
    assert (root.dropped_attributes_count, child.dropped_attributes_count) == (0, 1)


@BOTH
def test_about_half_of_it_is_left(encoding):
    item = transaction(*(GivenSpan(data={f"key {number}": "x" * 90 for number in range(100)}) for _ in range(50)))
    whole = record(item, encoding)
    smaller = OtlpCodec(encoding).lean(whole)
    assert len(whole) * 0.45 < len(smaller) < len(whole) * 0.51
    dropped = [span.dropped_attributes_count for span in spans_of(parsed(smaller, encoding))]
    kept = [len(span.attributes) for span in spans_of(parsed(smaller, encoding))]
    before = [len(span.attributes) for span in spans_of(parsed(whole, encoding))]
    assert [sum(both) for both in zip(dropped, kept, strict=True)] == before


@BOTH
def test_what_places_the_spans_in_the_trace_stays(encoding):
    item = transaction(GivenSpan(data={"blob": "x" * 5000}), status="internal_error", release="shop@1")
    (before,), (after,) = (
        parsed(one, encoding).resource_spans
        for one in (record(item, encoding), OtlpCodec(encoding).lean(record(item, encoding)))
    )
    assert after.resource == before.resource
    for given_spans, left_spans in zip(before.scope_spans, after.scope_spans, strict=True):
        assert left_spans.scope == given_spans.scope
        for whole, left in zip(given_spans.spans, left_spans.spans, strict=True):
            for one in (whole, left):
                one.ClearField("attributes")
                one.ClearField("dropped_attributes_count")
            assert left == whole


@BOTH
def test_what_was_dropped_before_is_counted_too(encoding):
    item = transaction(data={**{f"{number}": number for number in range(300)}, "0": "x" * 90000})
    (whole,), (left,) = spans_of(parsed(record(item, encoding), encoding)), lean(item, encoding)
    assert whole.dropped_attributes_count > 150
    assert left.dropped_attributes_count == whole.dropped_attributes_count + 1
    assert len(left.attributes) == len(whole.attributes) - 1


@BOTH
def test_an_error_keeps_its_exception_as_long_as_something_else_can_go(encoding):
    raised = {"type": "KeyError", "value": "z" * 1500}
    crumbs = [{"category": "crumb", "timestamp": NOW / 1e9, "data": {"blob": "x" * 1000}} for _ in range(8)]
    (span,) = lean(error(exceptions=[raised], breadcrumbs=crumbs), encoding)
    *others, last = [event.name for event in span.events]
    assert last == "exception"
    assert span.dropped_events_count == 8 - len(others) > 3


@BOTH
def test_what_cannot_be_made_smaller_is_left_alone(encoding):
    made = parsed(record(transaction(name="x" * 900), encoding), encoding)
    for span in spans_of(made):
        span.ClearField("attributes")
    bare = {"protobuf": made.SerializeToString(), "json": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}'}
    assert LEAN[encoding](bare[encoding]) is None


@pytest.mark.parametrize(
    "junk",
    [b"", b"{}", b"[]", b"no", b'{"resourceSpans":7}', b'{"resourceSpans":[7]}', b"\x0a\xff", b"\x0a\x02\x12\x09"],
)
@BOTH
def test_what_is_no_request_is_left_alone(encoding, junk):
    assert LEAN[encoding](junk) is None


@settings(max_examples=100, deadline=None)
@given(junk=st.binary(max_size=60), path=st.sampled_from([b"", b"\x0a", b"\x0a\x12", b"\x0a\x12\x12"]))
def test_no_bytes_are_a_fault(junk, path):
    for tag in reversed(path):
        junk = bytes([tag, len(junk)]) + junk
    for read in LEAN.values():
        assert read(junk) is None or len(read(junk)) < len(junk)


@BOTH
def test_a_lean_record_is_joined_as_any_other(encoding):
    codec = OtlpCodec(encoding)
    items = [transaction(name="a", data={"blob": "x" * 5000}), transaction(name="b")]
    whole, other = (codec.encode(item) for item in items)
    joined = parsed(codec.join([codec.lean(whole), other]), encoding)
    assert [span.name for span in spans_of(joined)] == ["a", "b"]
