"""Envelopes: exact in bytes, strict in reading, stamped when they are sent."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.recording import ErrorEvent
from instrument.wire import BadEnvelope, EnvelopeCodec, EventCodec, client_report, encode_event, read_envelope

CONTEXT = {"trace_id": "a" * 32, "public_key": "key", "sample_rate": "0.25", "sample_rand": "0.1", "sampled": "true"}
SENT = 1_767_323_045_678_901_234


def event(**fields):
    known = {"event_id": "1" * 32, "trace_id": "a" * 32, "span_id": "b" * 16, "time": SENT, "message": "naïve\ncafé"}
    return ErrorEvent(**{**known, **fields})


def codec():
    return EnvelopeCodec(now=lambda: SENT)


def sent(item, *reports):
    made = codec()
    return read_envelope(made.join([made.encode(item), *reports]))


def test_a_body_is_exactly_this():
    made = codec()
    payload = encode_event(event())
    record = made.encode(event(dynamic_sampling_context={"trace_id": "a" * 32, "sampled": "true"}))
    assert made.join([record]) == (
        b'{"sent_at":"2026-01-02T03:04:05.678901Z","event_id":"11111111111111111111111111111111",'
        b'"trace":{"trace_id":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","sampled":"true"}}\n'
        b'{"type":"event","content_type":"application/json","length":%d}\n%b\n' % (len(payload), payload)
    )
    assert made.content_type == "application/x-sentry-envelope"
    assert made.max_records == 1


def test_a_record_holds_no_time_of_sending_and_each_sending_stamps_its_own():
    times = iter([SENT, SENT + 60 * 10**9])
    made = EnvelopeCodec(now=lambda: next(times))
    record = made.encode(event())
    assert b"sent_at" not in record
    assert read_envelope(made.join([record])).headers["sent_at"] == "2026-01-02T03:04:05.678901Z"
    assert read_envelope(made.join([record])).headers["sent_at"] == "2026-01-02T03:05:05.678901Z"


def test_the_clock_is_the_worlds_when_no_other_is_given():
    made = EnvelopeCodec()
    assert re.fullmatch(
        r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
        read_envelope(made.join([made.encode(event())])).headers["sent_at"],
    )


def test_lengths_count_bytes_and_line_feeds_survive():
    (item,) = sent(event()).items
    assert item.json()["message"] == "naïve\ncafé"
    assert item.headers["length"] == len(item.payload) > len(item.payload.decode())


def test_the_sampling_context_is_all_text():
    headers = sent(event(dynamic_sampling_context={**CONTEXT, "sampled": True, "sample_rate": 0.25})).headers
    assert headers["trace"] == {**CONTEXT, "sampled": "True", "sample_rate": "0.25"}
    assert all(type(value) is str for value in headers["trace"].values())
    assert json.loads(headers["trace"]["sample_rate"]) == 0.25


@pytest.mark.parametrize("context", [None, {}])
def test_without_a_sampling_context_there_is_no_trace_header(context):
    assert set(sent(event(dynamic_sampling_context=context)).headers) == {"sent_at", "event_id"}


def test_a_report_travels_alone_or_along():
    report = client_report({("queue_overflow", "error"): 2, ("sample_rate", "span"): 41, ("x", "y"): 0}, lambda: SENT)
    alone = read_envelope(codec().join([report]))
    assert alone.headers == {"sent_at": "2026-01-02T03:04:05.678901Z"}
    (item,) = alone.items
    assert item.type == "client_report"
    assert item.json() == {
        "timestamp": 1767323045.6789012,
        "discarded_events": [
            {"reason": "queue_overflow", "category": "error", "quantity": 2},
            {"reason": "sample_rate", "category": "span", "quantity": 41},
        ],
    }
    along = sent(event(), report)
    assert [item.type for item in along.items] == ["event", "client_report"]
    assert along.headers["event_id"] == "1" * 32


def test_the_other_codec_writes_one_event_on_a_line():
    made = EventCodec()
    body = made.join([made.encode(event(message="a\nb")), made.encode(event(message="c"))])
    assert [json.loads(line)["message"] for line in body.split(b"\n")] == ["a\nb", "c"]
    assert made.max_records > 1


HEADER = b'{"event_id":"11111111111111111111111111111111"}\n'
GOOD = {
    "no items": (HEADER, []),
    "no items, no line feed": (b"{}", []),
    "with length": (HEADER + b'{"type":"event","length":2}\n{}\n', [b"{}"]),
    "no last line feed": (HEADER + b'{"type":"event","length":2}\n{}', [b"{}"]),
    "without length": (HEADER + b'{"type":"event"}\n{}\n', [b"{}"]),
    "without length, to the end": (HEADER + b'{"type":"event"}\n{}', [b"{}"]),
    "empty payload": (HEADER + b'{"type":"attachment","length":0}\n\n', [b""]),
    "line feeds inside": (HEADER + b'{"type":"attachment","length":3}\n\n\n\n\n', [b"\n\n\n"]),
    "carriage returns are data": (HEADER + b'{"type":"attachment","length":2}\n\r\n\n', [b"\r\n"]),
    "two items": (HEADER + b'{"type":"event","length":2}\n{}\n{"type":"x","length":1}\n1\n', [b"{}", b"1"]),
    "unknown headers": (b'{"sdk":{},"new":1}\n{"type":"new_type","length":0,"more":2}\n', [b""]),
}


@pytest.mark.parametrize(("body", "payloads"), GOOD.values(), ids=GOOD)
def test_what_the_grammar_allows_is_read(body, payloads):
    assert [item.payload for item in read_envelope(body).items] == payloads


BAD = {
    "nothing": b"",
    "no header": b"\n",
    "a header that is no object": b"[]\n",
    "a padded header": b" {}\n",
    "a header with a carriage return": b"{}\r\n",
    "a key twice": b'{"sent_at":"a","sent_at":"b"}\n',
    "NaN": b'{"a":NaN}\n',
    "a header that is not UTF-8": b'{"a":"\xff"}\n',
    "no item type": HEADER + b'{"length":2}\n{}\n',
    "a type that is no text": HEADER + b'{"type":1,"length":2}\n{}\n',
    "an item header that is no object": HEADER + b"1\n",
    "a blank item header": HEADER + b"\n",
    "a payload too short": HEADER + b'{"type":"event","length":5}\n{}',
    "a payload too long": HEADER + b'{"type":"event","length":1}\n{}\n',
    "a negative length": HEADER + b'{"type":"event","length":-1}\n{}\n',
    "a length that is no number": HEADER + b'{"type":"event","length":"2"}\n{}\n',
    "a true length": HEADER + b'{"type":"event","length":true}\n{}\n',
    "two line feeds at the end": HEADER + b'{"type":"event","length":2}\n{}\n\n',
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_one_fault_makes_the_whole_invalid(body):
    with pytest.raises(BadEnvelope):
        read_envelope(body)


def test_a_payload_that_is_no_json_says_so_when_it_is_asked():
    (item,) = read_envelope(HEADER + b'{"type":"event","length":3}\nNaN\n').items
    with pytest.raises(BadEnvelope):
        item.json()


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read_or_refused(body):
    try:
        read_envelope(body)
    except BadEnvelope:
        pass


@settings(deadline=None)
@given(st.text(), st.dictionaries(st.text(max_size=10), st.text()))
def test_any_text_comes_back_as_it_was(message, extra):
    (item,) = sent(event(message=message, extra=extra)).items
    assert item.json().get("message") == message
    assert item.json().get("extra", {}) == extra
