"""The stage that takes secrets out: every slot of an event, what it notes, what it leaves, and what it costs."""

import base64
import json
import logging
import math
import zlib
from pathlib import Path

import pytest

import instrument
from instrument import capture_event, capture_exception, capture_message, span, transaction
from instrument.exporters import JsonLines, Local
from instrument.options import Options
from instrument.recording import text
from instrument.testing import record
from instrument.wire import encode_event
from tests.contracts.envelopes import Sink
from tests.relay_check import assert_relay_accepts, assert_relay_is_content

F = "[Filtered]"
SECRET = "pl4nted-s3cret"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
CARD = "4111 1111 1111 1111"


def payload(item):
    made = json.loads(encode_event(item))
    assert_relay_accepts(made)
    return made


def rules_at(meta, *path):
    for step in path:
        meta = meta[str(step)]
    return meta[""]["rem"]


def test_filtered_values_are_noted_with_the_rule_where_the_protocol_has_it():
    with record() as recorded, transaction("a", "b", data={"password": SECRET}) as tx:
        tx.set_tag("api_key", SECRET)
        with span("c", f"GET http://u:{SECRET}@h/", data={"form": {"token": SECRET}, "note": f"card {CARD}"}):
            pass
    made = payload(recorded.transactions[0])
    meta = made["_meta"]
    assert SECRET not in json.dumps(made)
    assert rules_at(meta, "contexts", "trace", "data", "password") == [["!config", "s"], ["password", "s"]]
    assert rules_at(meta, "tags", "api_key") == [["!config", "s"], ["key", "s"]]
    assert rules_at(meta, "spans", 0, "description") == [["!config", "s"], ["url", "s"]]
    assert rules_at(meta, "spans", 0, "data", "form", "token") == [["!config", "s"], ["token", "s"]]
    assert rules_at(meta, "spans", 0, "data", "note") == [["!config", "s"], ["card", "s"]]


def test_notes_that_no_longer_fit_after_a_hook_are_left_out():
    def hook(event, hint):
        event.spans = event.spans[1:]
        event.data = {"password": "shown on purpose"}
        return event

    with record(before_send_transaction=hook) as recorded, transaction("a", "b", data={"password": SECRET}):
        with span("c", "d", data={"password": SECRET}):
            pass
        with span("e", "f", data={"rows": 3}):
            pass
    assert "_meta" not in payload(recorded.transactions[0])


def test_local_variables_source_lines_and_messages_of_errors_are_scrubbed():
    def fail(password, rows):
        headers = [("Authorization", f"Bearer {SECRET}"), ("Accept", "text/html")]
        command = ["psql", "--password", SECRET, "--host", "db"]
        api_token = "pl4nted-s3cret"
        raise ValueError(f"no login with password={password} and {len(headers + command + [api_token])}")

    with record() as recorded:
        try:
            fail(SECRET, [1])
        except ValueError:
            capture_exception()
    made = payload(recorded.errors[0])
    assert SECRET not in json.dumps(made)
    (value,) = made["exception"]["values"]
    assert value["value"] == f"no login with password={F} and 8"
    frame = value["stacktrace"]["frames"][-1]
    assert frame["vars"]["password"] == F
    assert frame["vars"]["headers"] == [["Authorization", F], ["Accept", "text/html"]]
    assert frame["vars"]["command"] == ["psql", "--password", F, "--host", "db"]
    assert f'api_token = "{F}"' in frame["pre_context"][-1]


REQUEST = {
    "url": f"http://u:{SECRET}@h/p",
    "query_string": f"page=1&token={SECRET}",
    "method": "POST",
    "headers": {"Authorization": SECRET, "Cookie": SECRET, "X-Forwarded-For": "10.1.2.3", "Accept": "a/b"},
    "cookies": {"theme": "dark", "sessionid": SECRET},
    "env": {"REMOTE_ADDR": "10.1.2.3", "SERVER_NAME": "h"},
    "data": {"user": "bob", "password": SECRET, "card": "4111111111111111"},
}


def test_a_request_without_data_about_persons():
    with record() as recorded:
        capture_event({"message": "x", "request": REQUEST, "user": {"id": 7, "ip_address": "10.1.2.3"}})
    made = payload(recorded.errors[0])
    assert SECRET not in json.dumps(made) and "10.1.2.3" not in json.dumps(made)
    request = made["request"]
    assert request["url"] == "http://h/p"
    assert request["query_string"] == f"page=1&token={F}"
    assert request["headers"] == {"Authorization": F, "Cookie": F, "X-Forwarded-For": F, "Accept": "a/b"}
    assert "cookies" not in request
    assert request["data"] == {"user": "bob", "password": F, "card": F}
    assert made["user"]["id"] == 7
    assert rules_at(made["_meta"], "request", "cookies") == [["!config", "x"]]


def test_a_request_with_data_about_persons_still_keeps_its_secrets():
    headers = {name: value for name, value in REQUEST["headers"].items() if name != "Cookie"}
    with record(send_default_pii=True) as recorded:
        capture_event({"message": "x", "request": {**REQUEST, "headers": headers}, "user": {"ip_address": "10.1.2.3"}})
    made = payload(recorded.errors[0])
    assert SECRET not in json.dumps(made)
    assert made["request"]["cookies"] == {"theme": "dark", "sessionid": F}
    assert made["request"]["headers"]["X-Forwarded-For"] == made["user"]["ip_address"] == "10.1.2.3"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (f'{{"a": 1, "password": "{SECRET}"}}', "a"),
        (f"a=1&password={SECRET}", "a=1"),
        (f"password={SECRET}", "password"),
        (f'{{"a": 1, "password": "{SECRET}', "a"),
    ],
)
def test_bodies_are_read_as_json_and_as_forms(body, kept):
    with record() as recorded:
        capture_event({"message": "x", "request": {"url": "http://h/", "data": body}})
    made = recorded.errors[0].request["data"]
    assert SECRET not in made and kept in made


def test_values_in_queries_are_question_marks_wherever_a_query_stands():
    query = f"SELECT * FROM t WHERE a = '{SECRET}' AND b IN (1, 2)"
    shown = "SELECT * FROM t WHERE a = ? AND b IN (?, ?)"
    with record() as recorded, transaction("a", "b"):
        with span("db", query, data={"db.statement": query}), span("db.query", query):
            pass
        instrument.add_breadcrumb(category="query", message=query)
        capture_message("x")
    (item,), (error,) = recorded.transactions, recorded.errors
    assert [one.description for one in item.spans] == [shown, shown]
    assert item.spans[0].data["db.statement"] == error.breadcrumbs[0]["message"] == shown


def test_literals_stay_where_that_rule_is_off():
    with record(scrub={"sql": False}) as recorded, transaction("a", "b"), span("db", "SELECT 'bob'"):
        pass
    assert recorded.spans[0].description == "SELECT 'bob'"


def test_parameters_of_queries_are_data_about_persons():
    for sends, shown in ((False, F), (True, ["bob"])):
        with record(send_default_pii=sends) as recorded, transaction("a", "b", data={"db.params": ["bob"]}):
            pass
        assert recorded.transactions[0].data["db.params"] == shown


def test_a_key_that_is_a_secret_itself_is_replaced():
    with record() as recorded, transaction("a", "b", data={JWT: 1, "inner": {f"Bearer {SECRET}": "x"}}):
        pass
    made = payload(recorded.transactions[0])
    assert JWT not in json.dumps(made) and SECRET not in json.dumps(made)
    assert made["contexts"]["trace"]["data"][F] == 1


def test_numbers_of_cards_are_found_among_numbers():
    with record() as recorded, transaction("a", "b", data={"n": 4111111111111111, "t": 1767323045123456, "x": 2**62}):
        pass
    assert recorded.transactions[0].data == {"n": F, "t": 1767323045123456, "x": 2**62}


def test_a_name_with_a_secret_is_scrubbed_also_where_it_was_frozen():
    with record() as recorded, transaction("a", f"/login?token={SECRET}"):
        instrument.trace_headers()
    (item,) = recorded.transactions
    assert item.name == f"/login?token={F}" == item.dynamic_sampling_context["transaction"]


def test_rules_of_the_users_own():
    rules = {"order": r"ORD-[0-9]+", "salary": ["wage"], "token": False}
    data = {"note": "see ORD-12", "hourly_wage": 30, "token": "shown"}
    with record(scrub=rules) as recorded, transaction("a", "b", data=data):
        pass
    made = payload(recorded.transactions[0])
    assert made["contexts"]["trace"]["data"] == {"note": f"see {F}", "hourly_wage": F, "token": "shown"}
    assert rules_at(made["_meta"], "contexts", "trace", "data", "note")[1] == ["order", "s"]


@pytest.mark.parametrize(
    "wrong",
    [
        "card",
        ["card"],
        {"cards": False},
        {"x": 5},
        {"x": "("},
        {"x": "a*"},
        {"": False},
        {"x": [""]},
        {"x": b"bytes"},
        3,
    ],
)
def test_a_wrong_rule_is_refused_at_once(wrong):
    with pytest.raises(ValueError, match="scrub="):
        Options.read(scrub=wrong)


def test_what_is_clean_is_not_copied():
    data = {"rows": [1, {"a": "b"}], "name": "x" * 500, "n": 2.5, "t": "a/b c"}
    with record() as recorded, transaction("a", "b") as tx:
        tx.data = data
        with span("c", "parse avatar images") as child:
            child.data = data
    assert recorded.spans[0].data is data
    assert recorded.transactions[0].meta == {}


def test_scrubbing_twice_changes_nothing_more():
    with record() as recorded, transaction("a", "b", data={"password": SECRET, "url": f"http://a:{SECRET}@h/?token=x"}):
        pass
    with record() as again, transaction("a", "b", data=recorded.transactions[0].data):
        pass
    assert again.transactions[0].data == recorded.transactions[0].data


def test_very_much_is_cut_and_the_cut_is_noted():
    with record() as recorded, transaction("a", "b") as tx:
        for number in range(1000):
            tx.set_data(f"k{number}", "x" * 9000)
    (item,) = recorded.transactions
    assert len(item.data) == 200 and item.data["..."] == "801 more"
    assert max(len(value) for value in item.data.values()) <= 8192
    assert item.meta["contexts"]["trace"]["data"]["k0"][""]["len"] == 9000
    assert len(encode_event(item)) < 1_000_000


def test_text_and_numbers_that_json_cannot_say_arrive_as_text():
    with record() as recorded, transaction("a", "b") as tx:
        for name, value in {"nan": math.nan, "big": 2**70, "sur": "a\ud800b", "inf": -math.inf}.items():
            tx.set_data(name, value)
    data = payload(recorded.transactions[0])["contexts"]["trace"]["data"]
    assert data == {"nan": "nan", "big": str(2**70), "sur": "a\\ud800b", "inf": "-inf"}


def plant():
    """A secret in every place that takes a value."""
    secrets = {"password": SECRET, "note": f"Bearer {SECRET}", "deep": [{"token": [SECRET]}], "q": f"?api_key={SECRET}"}
    instrument.set_user({"id": 1, **secrets})
    instrument.set_context("login", secrets)
    instrument.set_extra("form", secrets)
    instrument.set_tag("password", SECRET)
    instrument.set_tag("link", f"http://a:{SECRET}@h/")
    instrument.add_breadcrumb(category="x", message=f"secret={SECRET}", data=secrets)
    instrument.get_current_scope().request = {
        **REQUEST,
        "query_string": [["token", SECRET]],
        "data": json.dumps(secrets),
        "headers": [["Authorization", SECRET]],
    }
    log = logging.getLogger("planted")
    log.warning("password=%s", SECRET)
    log.error("token: %s", SECRET, extra={"secret": SECRET})
    with transaction("db", f"/x?token={SECRET}", data=secrets) as tx:
        tx.description = f"token={SECRET}"
        tx.set_context("more", secrets)
        with span("db", f"SELECT '{SECRET}'", data={"db.statement": f"SELECT '{SECRET}'"}, tags=secrets):
            held = b'{"password": "' + SECRET.encode() + b'"}'
            bearer = f"Bearer {SECRET}"
            try:
                raise ValueError(f"password={SECRET}", text(held), bearer)
            except ValueError as error:
                error.add_note(f"token={SECRET}") if hasattr(error, "add_note") else None
                capture_exception()
        capture_message(f"api_key={SECRET}")
        capture_event(
            {
                "logentry": {
                    "message": "password=%s",
                    "params": [f"token={SECRET}"],
                    "formatted": f"password={SECRET}",
                },
                "exception": {"values": [{"type": "E", "value": f"token={SECRET}", "mechanism": {"data": secrets}}]},
                "threads": [{"stacktrace": {"frames": [{"function": "f", "vars": secrets}]}}],
                "fingerprint": [f"token={SECRET}"],
                "transaction": f"token={SECRET}",
            }
        )


def assert_nowhere(written):
    encoded = {base64.b64encode(bytes(shift) + SECRET.encode())[4:-4] for shift in range(3)}
    for name, content in written.items():
        assert SECRET.encode() not in content, name
        assert not [form for form in encoded if form in content], name


def files_below(*folders):
    return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_a_planted_secret_is_found_nowhere_on_disk(tmp_path):
    instrument.init(exporter=[JsonLines(tmp_path / "events"), Local(tmp_path / "traces.db")])
    plant()
    assert instrument.flush(30)
    instrument.close()
    written = files_below(tmp_path, Path.home())
    events = written[str(tmp_path / "events")]
    assert str(tmp_path / "traces.db") in written and events.count(b"[Filtered]") > 50
    assert_nowhere(written)
    for line in events.splitlines():
        assert_relay_is_content(json.loads(line))


def test_a_planted_secret_is_found_neither_in_the_spool_nor_on_the_wire(tmp_path):
    instrument.init("http://key@127.0.0.1:9/1", spool_dir=tmp_path / "spool")
    plant()
    waiting = files_below(tmp_path / "spool")
    assert sum(content.count(b"pl4nted") + len(content) for content in waiting.values()) > 1000
    assert_nowhere({name: unpacked(content) for name, content in waiting.items()})
    with Sink() as sink:
        instrument.init(sink.dsn)
        plant()
        assert instrument.flush(30)
        instrument.close()
    assert len(sink.events) == 5
    assert_nowhere({event["event_id"]: json.dumps(event).encode() for event in sink.events})


def unpacked(content):
    """A spool file with what is deflated in it written out behind it."""
    pieces = [content]
    for at in range(len(content)):
        try:
            pieces.append(zlib.decompressobj(-15).decompress(content[at:], 200_000))
        except zlib.error:
            continue
    return b"".join(pieces)
