"""What the page is told of the store, whatever state the store is in."""

import json
import os
import sqlite3
import threading

import pytest

import instrument
from instrument.exporters import Local
from instrument.viewer.answers import Answers
from instrument.viewer.bounded import DEEPEST, LEFT_OUT, Room
from instrument.viewer.head import parse_head
from instrument.viewer.shapes import MOST_ROWS
from tests.store.payloads import WHEN, Ids, Transaction, error, filled, simple, writer
from tests.viewer.asking import Reply


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.db"


@pytest.fixture
def viewer(path):
    return Answers(path)


def get(viewer, path, **fields):
    """What one is answered who has passed the gate."""
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    answer = viewer.answer(parse_head("\r\n".join(lines).encode()))
    headers = {"content-type": answer.content_type, **{name.lower(): value for name, value in answer.headers.items()}}
    return Reply(answer.status, headers, answer.body)


def names(reply):
    return [trace["name"] for trace in reply.data["traces"]]


def morning(ids):
    shop = Transaction(ids, "http.server", "GET /checkout", 122.0, 2.5, status="internal_error", service="shop")
    shop.span("db", "SELECT 100% of 'it'", 122.5, 0.25)
    job = simple(ids, 61.0, spans=3)
    return [shop.payload, job.payload, error(ids, "ValueError", "x", 123.0, trace=shop.trace_id, span=shop.span_id)]


def test_the_list_is_newest_first_with_all_that_a_line_shows(path, viewer):
    filled(path, *morning(Ids()))
    reply = get(viewer, "/api/traces")
    assert reply.headers["content-type"] == "application/json"
    first, second = reply.data["traces"]
    assert {**first, "trace_id": ""} == {
        "trace_id": "",
        "name": "GET /checkout",
        "op": "http.server",
        "status": "internal_error",
        "start": WHEN + 122,
        "duration": 2.5,
        "transactions": 1,
        "spans": 2,
        "errors": 1,
        "processes": ["shop"],
    }
    assert (second["name"], second["spans"]) == ("nightly", 4)
    assert {name: reply.data[name] for name in ("has_more", "is_empty", "path")} == {
        "has_more": False,
        "is_empty": False,
        "path": str(path),
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=op:db", ["GET /checkout", "nightly"]),
        ("q=op:http.server", ["GET /checkout"]),
        ("q=checkout", ["GET /checkout"]),
        ("q=get+/check*", ["GET /checkout"]),
        ("q=status:internal_error", ["GET /checkout"]),
        ("q=min:2s", ["GET /checkout"]),
        ("q=op:db+min:250ms", ["GET /checkout"]),
        ("q=op:db+min:251ms", []),
        ("errors=1", ["GET /checkout"]),
        ("q=nightly&errors=1", []),
        ("q=since:1m", []),
        ("q=since:2020-01-01", ["GET /checkout", "nightly"]),
        ("limit=1", ["GET /checkout"]),
        ("limit=-1", ["GET /checkout", "nightly"]),
        ("limit=999999999999999999999", ["GET /checkout", "nightly"]),
        ("q=http://x", []),
        ("q=", ["GET /checkout", "nightly"]),
    ],
)
def test_the_search_asks_what_the_command_asks(path, viewer, query, found):
    filled(path, *morning(Ids()))
    assert names(get(viewer, f"/api/traces?{query}")) == found


@pytest.mark.parametrize(
    "text",
    [
        "'",
        "%27%20OR%201=1--",
        "%22;DROP%20TABLE%20traces;--",
        "op:x%27%20OR%20%271%27=%271",
        "status:%27;DELETE%20FROM%20traces",
        "%25",
        "_",
        "\\",
        "%00",
        "%ff",
        "[a-z]",
        "(((((",
        "%0a=",
        "op:%0a",
    ],
)
def test_what_is_searched_for_is_never_read_as_sql_or_as_a_pattern(path, viewer, text):
    filled(path, simple(Ids()).payload, simple(Ids(2), name="other").payload)
    assert names(get(viewer, f"/api/traces?q={text}")) == []
    assert len(names(get(viewer, "/api/traces"))) == 2


def test_a_percent_sign_is_found_as_itself(path, viewer):
    filled(path, *morning(Ids()))
    assert names(get(viewer, "/api/traces?q=100%25")) == ["GET /checkout"]
    assert names(get(viewer, "/api/traces?q=100%25+of+%27it%27")) == ["GET /checkout"]


@pytest.mark.parametrize("text", ["min:soon", "since:yesterday", "min:-1s", "since:2026-99-99", "x" * 1001])
def test_a_question_without_meaning_is_answered_in_words(path, viewer, text):
    filled(path, simple(Ids()).payload)
    reply = get(viewer, f"/api/traces?q={text}")
    assert reply.status == 400
    assert reply.data["error"]


def test_a_store_that_does_not_exist_yet_is_an_empty_one_and_is_not_made(path, viewer):
    reply = get(viewer, "/api/traces")
    assert (reply.data["traces"], reply.data["is_empty"]) == ([], True)
    assert get(viewer, "/api/traces/00").status == 404
    assert os.listdir(path.parent) == []
    filled(path, simple(Ids()).payload)
    assert names(get(viewer, "/api/traces")) == ["nightly"]


def test_nothing_is_written_to_the_store(path, viewer):
    filled(path, *morning(Ids()))
    before = path.read_bytes()
    trace = get(viewer, "/api/traces").data["traces"][0]["trace_id"]
    get(viewer, f"/api/traces/{trace}")
    get(viewer, "/api/traces?q=x'")
    assert path.read_bytes() == before


def test_a_damaged_store_is_said_to_be_damaged(path, viewer):
    path.write_bytes(b"this is no database, however long it may be" * 100)
    reply = get(viewer, "/api/traces")
    assert reply.status == 503
    assert f"{path} is damaged" in reply.data["error"]
    assert get(viewer, "/api/traces/00").status == 503


def test_another_programs_database_is_left_alone(path, viewer):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE traces (id)")
    connection.close()
    reply = get(viewer, "/api/traces")
    assert (reply.status, reply.data["error"]) == (503, f"{path} is the database of another program")


def test_what_is_written_meanwhile_is_seen_at_the_next_question(path, viewer):
    ids, store, seen = Ids(), writer(path), []
    written = threading.Event()

    def write():
        for number in range(30):
            store.write([simple(ids, float(number)).payload])
        written.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not written.is_set():
        seen.append(len(names(get(viewer, "/api/traces"))))
    thread.join()
    store.close()
    seen.append(len(names(get(viewer, "/api/traces"))))
    assert seen == sorted(seen)
    assert seen[-1] == 30


def test_nothing_new_is_said_briefly(path, viewer):
    filled(path, simple(Ids()).payload)
    for name in path.parent.iterdir():
        os.utime(name, (WHEN, WHEN))
    reply = get(viewer, "/api/traces")
    tag = reply.headers["etag"]
    fields = {"If-None-Match": tag}
    again = get(viewer, "/api/traces", **fields)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    filled(path, simple(Ids(2), 5.0).payload)
    assert len(names(get(viewer, "/api/traces", **fields))) == 2


def test_a_store_that_has_just_changed_has_no_tag(path, viewer):
    """Its file's time would not tell a second change in the same moment."""
    filled(path, simple(Ids()).payload)
    os.utime(path)
    assert "etag" not in get(viewer, "/api/traces").headers


def three_processes(ids):
    call = Transaction(ids, "http.server", "POST /", 0.0, 1.0, service="shop", pid=1)
    client = call.span("http.client", "POST stock", 0.1, 0.5)
    call.span("db", "COMMIT", 0.7, 0.1, data={"folded.count": 12})
    stock = Transaction(
        ids, "http.server", "POST /stock", 0.2, 0.3, trace=call.trace_id, parent=client, service="stock", pid=2
    )
    stock.span("db", "UPDATE", 0.25, 0.1, status="internal_error")
    late = Transaction(ids, "task", "mail", 0.9, 0.4, trace=call.trace_id, parent=call.span_id, service="shop", pid=1)
    inner = Transaction(ids, "task", "inner", 0.8, 0.1, trace=call.trace_id, parent=call.span_id, service="shop", pid=1)
    lost = Transaction(ids, "task", "orphan", 0.95, 0.1, trace=call.trace_id, parent="ab" * 8, service="cron", pid=3)
    return call, [
        *(one.payload for one in (lost, late, inner, stock, call)),
        error(ids, "ValueError", "bad", 0.3, trace=call.trace_id, span=client),
        error(ids, "KeyError", "loose", 0.5, trace=call.trace_id),
    ]


def test_a_trace_is_rows_in_the_order_they_are_drawn_in(path, viewer):
    call, payloads = three_processes(Ids())
    filled(path, *payloads)
    data = get(viewer, f"/api/traces/{call.trace_id}").data
    assert (data["spans"], data["errors"], data["left_out"]) == (8, 2, 0)
    assert data["processes"] == ["shop", "stock", "cron"]
    assert data["duration"] == pytest.approx(1.3)

    def marks(row):
        return sorted(row.keys() - {"id", "depth", "op", "name", "start", "took", "process", "error", "level", "place"})

    assert [(row["depth"], row["name"], row.get("process"), marks(row)) for row in data["rows"]] == [
        (0, "POST /", 0, ["root"]),
        (1, "POST stock", 0, []),
        (2, "ValueError: bad", None, []),
        (2, "POST /stock", 1, ["root"]),
        (3, "UPDATE", 1, ["status"]),
        (1, "COMMIT", 0, ["folded"]),
        (1, "inner", 0, ["root"]),
        (1, "mail", 0, ["late", "root"]),
        (0, "orphan", 2, ["orphan", "root"]),
        (0, "KeyError: loose", None, []),
    ]
    assert data["rows"][4]["start"] == pytest.approx(0.25, abs=1e-6)


def test_all_about_a_span_and_about_an_error(path, viewer):
    call, payloads = three_processes(Ids())
    filled(path, *payloads)
    page = f"/api/traces/{call.trace_id}"
    rows = {row["name"]: row for row in get(viewer, page).data["rows"]}
    commit = get(viewer, f"{page}?span={rows['COMMIT']['id']}").data
    assert (commit["op"], commit["data"], commit["process"], commit["root"]) == (
        "db",
        {"folded.count": 12},
        "shop",
        call.span_id,
    )
    assert "event" not in commit
    root = get(viewer, f"{page}?span={call.span_id}").data
    assert root["tags"] == {"shard": "3"}
    assert root["event"]["server_name"] == "web-1"
    [found] = get(viewer, f"{page}?span={rows['POST stock']['id']}").data["errors"]
    assert found == get(viewer, f"{page}?error={rows['ValueError: bad']['error']}").data
    assert found["exceptions"][0]["stacktrace"]["frames"][0]["filename"] == "app.py"
    for part in ("span=00", "error=00", "span=", "error=%27"):
        assert get(viewer, f"{page}?{part}").status == 404


def test_an_error_tells_its_causes_its_locals_and_what_went_before(path, viewer):
    instrument.init(exporter=Local(path))
    with instrument.transaction("job", "billing"):
        instrument.add_breadcrumb(category="cart", message="three items")
        instrument.set_context("plan", {"tier": "gold"})
        amount = 1e300
        try:
            try:
                raise KeyError("price")
            except KeyError as inner:
                raise ValueError("cannot bill") from inner
        except ValueError as outer:
            event_id = instrument.capture_exception(outer)
        del amount
    instrument.close(10)
    [trace] = get(viewer, "/api/traces").data["traces"]
    found = get(viewer, f"/api/traces/{trace['trace_id']}?error={event_id}").data
    assert [one["type"] for one in found["exceptions"]] == ["KeyError", "ValueError"]
    frame = found["exceptions"][1]["stacktrace"]["frames"][-1]
    assert frame["context_line"].strip() == 'raise ValueError("cannot bill") from inner'
    assert frame["vars"]["amount"] in (1e300, "1e+300")
    assert [crumb["message"] for crumb in found["event"]["breadcrumbs"]] == ["three items"]
    assert found["event"]["contexts"]["plan"] == {"tier": "gold"}


def test_several_traces_that_begin_so_are_said_not_shown(path, viewer):
    ids = Ids()
    filled(path, *(Transaction(ids, "job", "x", n, 1.0, trace="ab" * 15 + f"{n:02x}").payload for n in range(2)))
    reply = get(viewer, "/api/traces/abab")
    assert (reply.status, len(reply.data["matches"])) == (404, 2)


def test_a_trace_of_any_size_has_an_answer_of_bounded_size(path, viewer):
    ids = Ids()
    huge = Transaction(ids, "job", "n" * 5_000, 0.0, 1.0)
    for number in range(MOST_ROWS + 10):
        huge.span("db", "SELECT", 0.0, number / 1e6)
    huge.event["spans"][0]["description"] = "d" * 100_000
    huge.event["spans"][0]["data"] = {"text": "t" * 100_000, "many": list(range(5_000))}
    filled(path, huge.payload)
    reply = get(viewer, f"/api/traces/{huge.trace_id}")
    assert (len(reply.data["rows"]), reply.data["left_out"]) == (MOST_ROWS, 11)
    assert max(len(row["name"]) for row in reply.data["rows"]) < 400
    assert len(get(viewer, "/api/traces").body) < 2_000
    span = get(viewer, f"/api/traces/{huge.trace_id}?span={huge.event['spans'][0]['span_id']}")
    assert len(span.body) < 70_000
    assert span.data["data"]["text"].endswith("… (80,000 more characters)")
    assert span.data["data"]["many"][-1] == "… (4,000 more)"


def test_values_are_cut_to_what_a_page_can_show():
    deep = value = {}
    for _ in range(10_000):
        value["x"] = value = {}
    copied = Room().copy(deep)
    for _ in range(DEEPEST):
        copied = copied["x"]
    assert copied == LEFT_OUT
    assert Room().copy([float("inf"), float("nan"), 2**53, 2**53 + 2, True, None]) == [
        "inf",
        "nan",
        2**53,
        str(2**53 + 2),
        True,
        None,
    ]
    large = {str(n): ["x" * 900] * 900 for n in range(900)}
    assert len(json.dumps(Room(100_000).copy(large))) < 200_000


def test_what_is_nested_too_deeply_is_said_to_be(path, viewer):
    """No writer of ours would take it, but the file may be anybody's work."""
    job = simple(Ids())
    filled(path, job.payload)
    deep = json.dumps({**job.event, "extra": "deep"}).replace('"deep"', '{"x":' * 100_000 + "1" + "}" * 100_000)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE transactions SET event = ?", (deep,))
    connection.close()
    assert names(get(viewer, "/api/traces")) == ["nightly"]
    for page in (f"/api/traces/{job.trace_id}", f"/api/traces/{job.trace_id}?span={job.span_id}"):
        reply = get(viewer, page)
        assert (reply.status, reply.data["error"]) == (500, "What is stored there is nested too deeply to be read.")
