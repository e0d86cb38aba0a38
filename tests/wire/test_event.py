"""Events as the server takes them: every field where it belongs, and nothing that costs a field or an event."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument._books import Books
from instrument.options import Options
from instrument.recording import HUB, NOOP_SINK, begin_transaction, span, start_span
from instrument.wire import encode_event
from tests.relay_check import assert_relay_accepts, assert_relay_is_content
from tests.wire.given import NOW, GivenSpan, error, transaction


def sent(event):
    """The event as it is sent, which is also what the server keeps."""
    payload = json.loads(encode_event(event))
    assert_relay_accepts(payload)
    return payload


def trace_of(event):
    return sent(event)["contexts"]["trace"]


def test_a_transaction_has_every_field_in_its_place():
    payload = sent(
        transaction(
            parent_span_id="c" * 16,
            source="route",
            op="http.server",
            description="GET /items/1",
            status="ok",
            origin="auto.http.wsgi",
            data={"http.response.status_code": 200},
            level="info",
            tags={"http.status_code": "200"},
            contexts={"runtime": {"name": "CPython", "version": "3.12.1"}, "trace": {"mine": 1}},
            extra={"argv": ["a"]},
            user={"id": "7"},
            request={"url": "http://h/items/1", "method": "GET", "query_string": "a=1", "headers": {"X-A": "b"}},
            fingerprint=["{{ default }}"],
            release="shop@1.4.0",
            environment="production",
            dist="7",
            server_name="web-1",
            sdk={"name": "instrument.python", "version": "0.1.0"},
            measurements={"queue": {"value": 3.5, "unit": "second"}},
        )
    )
    assert payload["type"] == "transaction"
    assert (payload["transaction"], payload["transaction_info"]) == ("/items/{id}", {"source": "route"})
    assert payload["contexts"] == {
        "runtime": {"name": "CPython", "version": "3.12.1"},
        "response": {"status_code": 200},
        "trace": {
            "trace_id": "a" * 32,
            "span_id": "b" * 16,
            "parent_span_id": "c" * 16,
            "op": "http.server",
            "description": "GET /items/1",
            "status": "ok",
            "origin": "auto.http.wsgi",
            "data": {"http.response.status_code": 200},
        },
    }
    assert payload["platform"] == "python"
    assert payload["tags"] == {"http.status_code": "200"}
    assert payload["measurements"] == {"queue": {"value": 3.5, "unit": "second"}}
    assert (payload["release"], payload["environment"], payload["dist"]) == ("shop@1.4.0", "production", "7")
    assert (payload["server_name"], payload["level"], payload["user"]) == ("web-1", "info", {"id": "7"})


def test_times_are_seconds_with_microseconds():
    payload = sent(transaction(GivenSpan(start_ticks=123_456_789, end_ticks=123_457_789)))
    assert abs(payload["start_timestamp"] * 1e6 - NOW / 1e3) < 1
    (child,) = payload["spans"]
    assert abs((child["timestamp"] - child["start_timestamp"]) - 1e-6) < 5e-7


def test_a_span_has_every_field_in_its_place():
    child = GivenSpan(
        span_id="d" * 16,
        status="not_found",
        data={"db.system": "sqlite", "sentry.origin": "auto.db.sqlite3", "rows": [1, None, {"a": True}]},
        tags={"shard": "3"},
        measurements={"rows": {"value": 5, "unit": ""}},
    )
    (span_sent,) = sent(transaction(child))["spans"]
    assert {name: value for name, value in span_sent.items() if "timestamp" not in name} == {
        "trace_id": "a" * 32,
        "span_id": "d" * 16,
        "parent_span_id": "b" * 16,
        "op": "db",
        "description": "SELECT 1",
        "status": "not_found",
        "origin": "auto.db.sqlite3",
        "data": {"db.system": "sqlite", "rows": [1, None, {"a": True}]},
        "tags": {"shard": "3"},
        "measurements": {"rows": {"value": 5, "unit": ""}},
    }
    assert child.data["sentry.origin"] == "auto.db.sqlite3"


def test_a_bare_span_is_as_small_as_it_can_be():
    (span_sent,) = sent(transaction(GivenSpan(op=None, description=None, parent_span_id=None)))["spans"]
    assert set(span_sent) == {"trace_id", "span_id", "start_timestamp", "timestamp"}


@pytest.mark.parametrize(("start", "end"), [(5_000, 1_000), (5_000, None), (-(10**18), -(2 * 10**18)), (7, 7)])
def test_nothing_ends_before_it_starts(start, end):
    payload = json.loads(encode_event(transaction(GivenSpan(start_ticks=start, end_ticks=end), end=NOW - 5)))
    assert payload["timestamp"] >= payload["start_timestamp"]
    assert payload["spans"][0]["timestamp"] >= payload["spans"][0]["start_timestamp"]


def test_a_transaction_without_a_name_is_told():
    assert sent(transaction(name=""))["transaction"] == "<unlabeled transaction>"


STATUSES = (
    "ok cancelled unknown_error invalid_argument deadline_exceeded not_found already_exists permission_denied "
    "resource_exhausted failed_precondition aborted out_of_range unimplemented internal_error unavailable data_loss "
    "unauthenticated"
).split()


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_of_the_protocol_is_taken(status):
    payload = sent(transaction(GivenSpan(status=status), status=status))
    assert payload["contexts"]["trace"]["status"] == payload["spans"][0]["status"] == status


@pytest.mark.parametrize(
    ("given", "status"),
    [
        *[("success", "ok"), ("failure", "internal_error"), ("weird", "unknown_error"), (17, "unknown_error")],
        *[(0, "ok"), (5, "not_found"), ("16", "unauthenticated"), ("OK", "ok"), ("NOT_FOUND", "not_found")],
        *[("UNKNOWN", "unknown_error"), ("INTERNAL", "internal_error"), ("internal", "internal_error")],
    ],
)
def test_another_status_becomes_one_of_them(given, status):
    payload = sent(transaction(GivenSpan(status=given), status=given))
    assert payload["contexts"]["trace"]["status"] == payload["spans"][0]["status"] == status
    kept = str(given) if given in ("weird", 17) else None
    assert payload["spans"][0].get("data", {}).get("status") == kept
    assert payload["contexts"]["trace"].get("data", {}).get("status") == kept


class Hostile:
    def __repr__(self):
        raise SystemExit

    __str__ = __eq__ = __hash__ = __getattribute__ = __len__ = __repr__


ODD = {
    "bytes": b"bytes",
    "a number": 404,
    "a surrogate": "\ud800",
    "10 MB": "x" * 10_000_000,
    "line ends": "a\r\nb\0c",
    "a hostile object": Hostile(),
    "a list": ["list"],
    "nothing": "",
    "5000 digits": 10**5000,
}


@pytest.mark.parametrize("kind", ODD)
def test_any_op_and_description_arrive(kind):
    value = ODD[kind]
    child = GivenSpan(op=value, description=value)
    payload = sent(transaction(child, GivenSpan(), op=value, description=value))
    first, second = payload["spans"]
    assert len(first.get("op", "")) <= 128
    assert len(first.get("description", "")) <= 8192
    assert second["description"] == "SELECT 1"


def test_long_names_are_cut_to_what_the_server_takes():
    payload = sent(
        transaction(
            GivenSpan(op="o" * 500, tags={"k" * 500: "v" * 500}, data={"sentry.origin": "a b" * 100}),
            name="n" * 500,
            op="o" * 500,
            tags={"k" * 500: "v" * 500},
            release="r" * 500,
            environment="e" * 500,
            dist="d" * 500,
            server_name="s" * 500,
            origin="not an origin",
        )
    )
    assert payload["transaction"] == "n" * 197 + "..."
    assert payload["_meta"]["transaction"] == {"": {"len": 500, "rem": [["!limit", "s", 197, 200]]}}
    assert payload["tags"] == {"k" * 197 + "...": "v" * 197 + "..."}
    lengths = [len(payload[name]) for name in ("release", "environment", "dist", "server_name")]
    assert lengths == [200, 64, 64, 256]
    assert payload["contexts"]["trace"]["origin"] == "not_an_origin"


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("release", "feature/login", "feature-login"),
        ("release", "a\tb\nc\\d", "a-b-c-d"),
        ("release", " .. ", None),
        ("release", " ", None),
        ("environment", "a/b\nc", "a-b-c"),
        ("environment", "none", None),
        ("environment", "", None),
        ("environment", "..", None),
        ("release", "a\0", "a-"),
        ("dist", "a b", "a-b"),
        ("dist", " ", None),
        ("level", "critical", "fatal"),
        ("level", "WARN", "warning"),
        ("level", "loud", None),
        ("level", 7, None),
    ],
)
def test_what_the_server_would_refuse_is_made_fit_or_left_out(field, given, kept):
    assert sent(transaction(**{field: given})).get(field) == kept


def test_tags_are_text_in_the_servers_alphabet():
    tags = {"a b": "1", "käse": "2", "line": "a\nb", "empty": "", "number": 4, "none": None, "ok.x-y:z_1": "5", "": "x"}
    assert sent(transaction(tags=tags))["tags"] == {
        "a-b": "1",
        "k_se": "2",
        "line": "a b",
        "number": "4",
        "none": "None",
        "ok.x-y:z_1": "5",
    }


def test_measurements_are_finite_numbers_under_plain_names():
    measured = {
        "größe in b": {"value": 1, "unit": "byte"},
        "9 lives": {"value": 0.5, "unit": "a very long unit/s"},
        "bad": {"value": "nan", "unit": ""},
        "worse": {},
    }
    payload = sent(transaction(GivenSpan(measurements=measured), measurements=measured))
    assert payload["measurements"] == {
        "gr__e_in_b": {"value": 1, "unit": "byte"},
        "m9_lives": {"value": 0.5, "unit": "a_very_long_uni"},
    }
    assert payload["spans"][0]["measurements"] == payload["measurements"]


def test_a_user_keeps_an_address_that_is_none_among_the_data():
    assert sent(error(user={"id": 1, "ip_address": "somewhere"}))["user"] == {
        "id": 1,
        "data": {"ip_address": "somewhere"},
    }
    for address in ("10.0.0.1", "::1", "{{auto}}"):
        assert sent(error(user={"ip_address": address}))["user"] == {"ip_address": address}


def test_a_message_has_its_fields():
    payload = sent(error(message="deployed", level="info", logger="shop", tags={"a": "b"}, op="http.server"))
    assert (payload["message"], payload["level"], payload["logger"]) == ("deployed", "info", "shop")
    assert payload["contexts"]["trace"]["op"] == "http.server"
    assert "type" not in payload


def test_a_log_message_with_parameters_is_sent_once():
    payload = sent(error(message="found 3", logentry={"message": "found %s", "params": [3]}))
    assert payload["logentry"] == {"message": "found %s", "params": [3], "formatted": "found 3"}
    assert "message" not in payload


def test_an_error_has_every_field_in_its_place():
    frames = [{"filename": "a.py", "function": "f", "lineno": 1, "in_app": True, "vars": {"x": 1}}]
    value = {
        "type": "ValueError",
        "value": "boom",
        "mechanism": {"type": "generic", "handled": True, "exception_id": 0},
        "stacktrace": {"frames": frames},
    }
    payload = sent(
        error(
            exceptions=[value],
            threads=[{"id": 1, "name": "MainThread", "crashed": False, "current": True}],
            breadcrumbs=[{"timestamp": NOW / 1e9, "message": "before", "level": "critical"}, {"message": "x"}],
            modules={"attrs": "25.1"},
            transaction="/x",
            transaction_source="route",
            parent_span_id="c" * 16,
        )
    )
    assert payload["exception"] == {"values": [value]}
    assert payload["threads"]["values"][0]["name"] == "MainThread"
    assert [crumb.get("level") for crumb in payload["breadcrumbs"]["values"]] == ["fatal", None]
    assert (payload["transaction"], payload["transaction_info"]) == ("/x", {"source": "route"})
    assert payload["contexts"]["trace"]["parent_span_id"] == "c" * 16


def test_what_the_user_added_by_hand_is_sent_but_does_not_win():
    payload = json.loads(encode_event(error(other={"custom": [1], "type": "transaction", "event_id": "x"})))
    assert payload["custom"] == [1]
    assert payload["event_id"] != "x"
    assert "type" not in payload


def test_annotations_of_the_user_are_kept_and_added_to():
    meta = {"extra": {"a": {"": {"rem": [["!config", "s"]]}}}}
    payload = sent(error(other={"_meta": meta}, extra={"a": "[Filtered]"}))
    assert payload["_meta"] == meta


def test_the_event_itself_is_left_as_it_was():
    event = transaction(
        GivenSpan(data={"sentry.origin": "auto.x", "large": "x" * 5000}, status="weird"),
        data={"sentry.origin": "auto.y"},
        contexts={"trace": {}},
    )
    first = encode_event(event)
    assert encode_event(event) == first
    assert event.spans[0].data == {"sentry.origin": "auto.x", "large": "x" * 5000}
    assert (event.data, event.contexts) == ({"sentry.origin": "auto.y"}, {"trace": {}})
    assert json.loads(first)["contexts"]["trace"]["origin"] == "auto.y"


words = st.text(max_size=30) | st.text(alphabet="aB /\\\n\t.-_:\0é", max_size=12)


@settings(deadline=None)
@given(words, st.dictionaries(words, words, max_size=3))
def test_no_text_anywhere_costs_a_field(word, words_by_word):
    measured = {word: {"value": 1.5, "unit": word}}
    child = GivenSpan(op=word, description=word, status=word, tags=words_by_word, measurements=measured)
    child.data = {**words_by_word, "sentry.origin": word}
    names = ("name", "source", "op", "description", "status", "origin", "level")
    common = dict.fromkeys(("release", "environment", "dist", "server_name"), word)
    known = {"tags": words_by_word, "extra": words_by_word, "user": {"id": word, "ip_address": word, word: word}}
    frame = {"filename": "a", "function": word, "lineno": 1, "vars": words_by_word, "context_line": word}
    value = {"type": "E", "value": word, "module": word, "stacktrace": {"frames": [frame]}}
    crumb = {"message": word, "category": word, "level": word, "data": words_by_word}
    first = transaction(child, measurements=measured, data=child.data, **dict.fromkeys(names, word), **common, **known)
    more = {"message": word, "logger": word, "transaction": word, "transaction_source": word, "op": word, "level": word}
    second = error(exceptions=[value], breadcrumbs=[crumb], modules=words_by_word, **more, **common, **known)
    for event in (first, second):
        assert_relay_is_content(json.loads(encode_event(event)))


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.items = []

    def capture(self, item, hint):
        self.items.append(item)
        return item.event_id

    def flush(self, timeout=None):
        return True

    close = flush


@pytest.fixture
def recorded():
    kept = Kept()
    HUB.install(kept, Options(), Books())
    yield kept.items
    HUB.install(NOOP_SINK, Options(), Books())


def test_a_recorded_transaction_arrives_as_it_was(recorded):
    with begin_transaction("job", "nightly") as job:
        with span("encode", "parse avatar images") as outer, span("db", "SELECT 1"):
            outer.set_data("bytes", 2048)
        outer.set_http_status(404)
        job.set_http_status(503)
        start_span(type(outer), job, None, None).finish()
    payload = sent(recorded[0])
    encode, select, bare = payload["spans"]
    assert encode["parent_span_id"] == bare["parent_span_id"] == payload["contexts"]["trace"]["span_id"]
    assert select["parent_span_id"] == encode["span_id"]
    assert encode["data"] == {"bytes": 2048, "http.response.status_code": 404}
    assert (encode["tags"], encode["status"]) == ({"http.status_code": "404"}, "not_found")
    assert {one["trace_id"] for one in payload["spans"]} == {payload["contexts"]["trace"]["trace_id"]}
    assert payload["contexts"]["response"] == {"status_code": 503}
    assert payload["tags"] == {"http.status_code": "503"}
    for one in payload["spans"]:
        assert payload["start_timestamp"] <= one["start_timestamp"] <= one["timestamp"] <= payload["timestamp"]
