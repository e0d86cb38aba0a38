"""A transaction with more spans than a server takes at once arrives whole, in several events of one trace."""

import json
import sqlite3

import pytest

import instrument
from instrument.exporters import JsonLines, Local, Sentry
from instrument.store import Writer
from instrument.store.reading import Reader
from instrument.wire import EnvelopeCodec, EventCodec, encode_event, read_envelope
from tests.relay_check import assert_relay_accepts
from tests.transport.servers import Server
from tests.wire.given import GivenSpan, error, transaction

BUDGET = 1_000_000
LIMIT = 30.0
ROOT = "b" * 16


def chain(count, **fields):
    """Spans in groups of three: a child of the transaction, its child, and a child of that."""
    spans = []
    for number in range(count):
        parent = ROOT if number % 3 == 0 else spans[-1].span_id
        about = {"op": f"op.{number}", "description": f"work number {number}", "data": {"n": number}, **fields}
        spans.append(GivenSpan(parent_span_id=parent, **about))
    return spans


def parts_of(item, check=lambda payload: None):
    """The events as a server gets them, with their envelopes' headers."""
    codec = EnvelopeCodec()
    found = []
    for count, record in codec.records(item):
        envelope = read_envelope(codec.join([record]))
        (one,) = envelope.items
        assert len(one.payload) <= BUDGET
        payload = one.json()
        check(payload)
        assert envelope.headers["event_id"] == payload["event_id"]
        assert len(payload["spans"]) + 1 == count
        found.append((envelope.headers, payload))
    return found


def spans_in(payloads):
    """Id to (parent, data) of every span of these events, their roots included."""
    found = {}
    for payload in payloads:
        for span in (payload["contexts"]["trace"], *payload["spans"]):
            assert span["span_id"] not in found
            found[span["span_id"]] = span.get("parent_span_id"), span.get("data")
    return found


def test_what_fits_is_one_event():
    item = transaction(*chain(1000))
    ((count, record),) = EnvelopeCodec().records(item)
    assert count == 1001
    assert record == EnvelopeCodec().encode(item)
    ((count, _),) = EnvelopeCodec().records(error(message="m"))
    assert count == 0


def test_spans_that_do_not_fit_follow_as_later_parts_under_their_true_parents():
    spans = chain(8000)
    item = transaction(*spans, dynamic_sampling_context={"trace_id": "a" * 32}, contexts={"process": {"pid": 7}})
    found = parts_of(item, check=assert_relay_accepts)
    assert 2 <= len(found) <= 4
    arrived = spans_in(payload for _, payload in found)
    assert arrived.pop(ROOT)[0] is None
    assert arrived == {span.span_id: (span.parent_span_id, span.data) for span in spans}
    first, *later = [payload for _, payload in found]
    assert first["event_id"] == item.event_id
    assert first["_meta"] == {"spans": {"": {"rem": [["!limit", "x"]], "len": 8000}}}
    assert len({payload["event_id"] for _, payload in found}) == len(found)
    assert {headers["trace"]["trace_id"] for headers, _ in found} == {"a" * 32}
    for payload in later:
        assert payload["transaction"] == f"work number {payload['contexts']['trace']['data']['n']}"
        assert payload["contexts"]["process"] == {"pid": 7}
        assert "_meta" not in payload


def test_what_belongs_to_the_transaction_goes_with_its_first_part():
    about = {"tags": {"shop": "north"}, "extra": {"e": 1}, "measurements": {"m": {"value": 1, "unit": ""}}}
    item = transaction(
        *chain(6000, tags={"shard": "3"}, measurements={"rows": {"value": 2, "unit": ""}}),
        **about,
        user={"id": "7"},
        release="1.0",
        request={"url": "http://h/"},
        contexts={"response": {"status_code": 200}},
    )
    (_, first), *later = parts_of(item)
    assert {name: first[name] for name in about} == about
    for _, payload in later:
        assert (payload["release"], payload["user"]) == ("1.0", {"id": "7"})
        assert (payload["tags"], payload["measurements"]) == ({"shard": "3"}, {"rows": {"value": 2, "unit": ""}})
        assert not payload.keys() & {"extra", "request"}
        assert set(payload["contexts"]) == {"trace"}


def test_large_spans_lose_data_but_none_is_lost():
    spans = chain(3000, description="z" * 2500)
    for number, span in enumerate(spans):
        span.data = {"n": number, **({"large": "y" * 2000} if number % 2 else {})}
    found = [payload for _, payload in parts_of(transaction(*spans))]
    arrived = spans_in(found)
    assert len(arrived) == 3001
    assert [arrived[span.span_id][1] for span in spans[:3]] == [{"n": 0}, None, {"n": 2}]
    assert {len(span["description"]) for payload in found for span in payload["spans"]} == {1024}
    assert sum(len(json.dumps(payload.get("_meta", {}))) for payload in found) < 200


def test_a_large_head_leaves_room_for_spans():
    large = {str(number): "x" * 8000 for number in range(110)}
    found = parts_of(transaction(*chain(4000), extra=large, contexts={"mine": large}, tags={"t": "1"}))
    assert len(spans_in(payload for _, payload in found)) == 4001
    assert found[0][1]["tags"] == {"t": "1"}


def test_remarks_on_spans_that_have_left_for_another_part_do_not_stay():
    spans = chain(8000, description="[Filtered]")
    remark = {"rem": [["!password", "s"]], "len": 8}
    item = transaction(*spans, meta={"spans": {str(n): {"description": {"": remark}} for n in range(8000)}})
    for _, payload in parts_of(item):
        assert set(payload.get("_meta", {}).get("spans", {})) <= {""}


def test_odd_text_in_a_span_does_not_keep_the_others_from_arriving():
    spans = chain(6000)
    spans[4321].data = {"odd": "\ud800"}
    codec = EnvelopeCodec()
    payloads = [read_envelope(codec.join([record])).items[0].json() for _, record in codec.records(transaction(*spans))]
    assert len(spans_in(payloads)) == 6001


def test_the_store_shows_the_parts_as_one_trace(tmp_path):
    path = tmp_path / "traces.db"
    payloads = [json.dumps(payload).encode() for _, payload in parts_of(transaction(*chain(9000)))]
    assert len(payloads) > 1
    writer = Writer(path, max_bytes=1 << 40, max_age=1e9)
    assert writer.write(payloads) == ()
    writer.close()
    with Reader(path) as reader:
        (summary,) = reader.recent()
        trace = reader.newest()
    assert (summary.name, summary.spans) == ("/items/{id}", 9001)
    (root,) = trace.roots
    assert len(root.children) == 3000
    assert {len(child.children) for child in root.children} == {1}
    assert trace.spans == 9001


def test_a_line_for_the_store_or_a_file_has_no_such_limit():
    item = transaction(*chain(7000))
    ((count, record),) = EventCodec().records(item)
    assert (count, len(record) > BUDGET) == (7001, True)
    assert all(span["data"] for span in json.loads(record)["spans"])
    large = error(message="m", extra={"x": "y" * 2_000_000})
    assert len(json.loads(EventCodec().encode(large))["extra"]["x"]) == 2_000_000
    assert len(encode_event(large)) < BUDGET


@pytest.fixture
def server():
    with Server() as running:
        yield running


def record_many(count):
    with instrument.transaction("job", "many"):
        for number in range(count):
            with instrument.span(f"op.{number}", f"work number {number} and nothing else at all", data={"n": number}):
                pass


def test_all_spans_of_a_large_transaction_reach_a_server_and_the_books_say_so(server, tmp_path):
    dsn = f"http://{'0' * 32}@127.0.0.1:{server.port}/7"
    instrument.init(exporter=Sentry(dsn), default_integrations=False, spool_dir=tmp_path)
    record_many(6000)
    assert instrument.flush(LIMIT)
    sent = [read_envelope(body).items[0].json() for body in (one.body for one in server.received)]
    assert len(sent) > 1
    assert len(spans_in(sent)) == 6001
    stats = instrument.stats()
    assert stats.balanced
    assert (stats.spans.started, stats.spans.delivered, stats.spans.dropped) == (6001, 6001, {})
    assert stats.transactions.delivered == len(sent)


def test_the_local_store_and_a_file_get_all_spans_with_their_data(tmp_path):
    path, lines = tmp_path / "traces.db", tmp_path / "lines"
    instrument.init(exporter=[Local(path), JsonLines(lines)], default_integrations=False, spool_dir=tmp_path / "spool")
    record_many(7000)
    assert instrument.flush(LIMIT)
    assert instrument.stats().balanced
    connection = sqlite3.connect(path)
    (stored,) = connection.execute("SELECT event FROM transactions").fetchall()
    connection.close()
    (line,) = lines.read_bytes().splitlines()
    for event in (json.loads(stored[0]), json.loads(line)):
        assert [span["data"]["n"] for span in event["spans"]] == list(range(7000))
