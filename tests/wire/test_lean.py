"""What an envelope loses when a server finds it too large."""

import pytest

from instrument.recording import ErrorEvent, TransactionEvent
from instrument.wire import EnvelopeCodec, lean_envelope, read_envelope

IDS = {"event_id": "a" * 32, "trace_id": "b" * 32, "span_id": "c" * 16}


def transaction(**fields):
    return TransactionEvent(name="nightly", time=10**18, end=10**18 + 1, epoch=0, **IDS, **fields)


def read(record):
    (item,) = read_envelope(record).items
    return item.json()


def test_the_largest_attributes_go_and_the_small_ones_stay():
    event = transaction(data={"blob": "x" * 5000}, tags={"region": "north"}, extra={"note": "y" * 900})
    record = EnvelopeCodec().encode(event)
    smaller = lean_envelope(record)
    assert len(smaller) < len(record) / 2
    arrived = read(smaller)
    assert "data" not in arrived["contexts"]["trace"]
    assert arrived["tags"] == {"region": "north"}
    assert arrived["extra"] == {"note": "y" * 900}
    assert arrived["_meta"] == {"contexts": {"trace": {"data": {"": {"rem": [["!limit", "x"]]}}}}}


def test_what_tells_what_it_is_stays():
    event = transaction(data={"blob": "x" * 5000}, environment="test", release="1.0")
    before, after = read(EnvelopeCodec().encode(event)), read(lean_envelope(EnvelopeCodec().encode(event)))
    for name in ("event_id", "type", "transaction", "start_timestamp", "timestamp", "spans", "environment", "release"):
        assert after[name] == before[name]
    assert after["contexts"]["trace"]["trace_id"] == "b" * 32


def test_an_error_loses_its_variables_and_keeps_its_stack():
    frames = [{"function": "f", "lineno": 3, "vars": {"blob": "x" * 4000}}, {"function": "g", "vars": {"n": "1"}}]
    raised = {"type": "KeyError", "value": "'x'", "stacktrace": {"frames": frames}}
    event = ErrorEvent(exceptions=[raised], time=10**18, **IDS)
    (value,) = read(lean_envelope(EnvelopeCodec().encode(event)))["exception"]["values"]
    assert value["stacktrace"]["frames"] == [{"function": "f", "lineno": 3}, {"function": "g", "vars": {"n": "1"}}]


def test_the_headers_stay():
    record = EnvelopeCodec().encode(transaction(data={"blob": "x" * 5000}))
    headers = read_envelope(lean_envelope(record)).headers
    assert headers == read_envelope(record).headers


@pytest.mark.parametrize(
    "record", [b"", b"{}", b"{}\n{}\n", b"{}\n{}\n[]\n", b"no envelope\nat\nall\n", b'{}\n{}\n{"a":1}\n']
)
def test_what_cannot_be_made_smaller_is_left_alone(record):
    assert lean_envelope(record) is None


def test_what_is_small_already_is_left_alone():
    assert lean_envelope(EnvelopeCodec().encode(transaction())) is None
