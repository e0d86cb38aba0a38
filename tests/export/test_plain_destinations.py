"""Memory, the console and lines of JSON: destinations without a sender."""

import io
import json
import os
import threading

import pytest

from instrument.export import Console, JsonLines, Memory
from instrument.recording import ErrorEvent
from tests.export.worlds import BEGIN, error, transaction


class FakeSpan:
    def __init__(self, description, span_id, parent_span_id, start, end, status=None):
        self.op, self.description, self.status = "work", description, status
        self.span_id, self.parent_span_id = span_id, parent_span_id
        self.start_ticks, self.end_ticks = start * 10**6, end * 10**6


def shown(item):
    stream = io.StringIO()
    Console(stream).export(item)
    return stream.getvalue()


def test_memory_keeps_what_it_is_given_until_it_is_cleared():
    memory = Memory()
    one, other = transaction(), error()
    memory.export(one)
    memory.export(other)
    assert (memory.transactions, memory.errors) == ([one], [other])
    assert memory.flush()
    assert memory.close()
    assert memory.transactions == [one]
    memory.clear()
    assert (memory.transactions, memory.errors) == ([], [])


def test_the_console_shows_a_trace_as_a_tree():
    item = transaction("nightly")
    item.op, item.end = "job", BEGIN + 1_500_000_000
    root = item.span_id
    item.spans = [
        FakeSpan("second", "c" * 16, root, 50, 60, "internal_error"),
        FakeSpan("inner", "b" * 16, "a" * 16, 2, 5),
        FakeSpan("first", "a" * 16, root, 0, 40, "ok"),
    ]
    assert shown(item).splitlines() == [
        f"    1.500s job nightly  trace {item.trace_id}",
        "   40.00ms   work first",
        "    3.00ms     work inner",
        "   10.00ms   work second  internal_error",
    ]


def test_the_console_shows_spans_whose_parents_are_unknown_or_a_circle():
    item = transaction()
    item.spans = [
        FakeSpan("orphan", "a" * 16, "f" * 16, 0, 1),
        FakeSpan("self", "b" * 16, "b" * 16, 1, 2),
        FakeSpan("left", "c" * 16, "d" * 16, 2, 3),
        FakeSpan("right", "d" * 16, "c" * 16, 2, 3),
    ]
    text = shown(item)
    assert "orphan" in text
    assert "self" in text
    assert "and 2 more spans" in text


def test_the_console_cuts_a_trace_that_fills_the_screen():
    item = transaction()
    item.spans = [FakeSpan(str(number), f"{number:016x}", item.span_id, number, number) for number in range(1, 500)]
    assert len(shown(item).splitlines()) == 52
    assert "and 449 more spans" in shown(item)


def test_the_console_shows_an_error_as_a_line():
    item = error()
    item.message = None
    item.exceptions = [{"type": "KeyError", "value": "'a'"}, {"type": "ValueError", "value": "bad\nvalue"}]
    assert shown(item) == f"error ValueError: bad?value  trace {item.trace_id}\n"
    assert "boom" in shown(error("boom"))


def test_the_console_plays_no_tricks_with_the_terminal():
    text = shown(transaction("a\x1b[2Jb\r\u202ec"))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\u202e" not in text
    assert len(shown(transaction("x" * 10_000)).splitlines()[0]) < 200


def test_the_console_writes_to_stderr_as_it_is_at_that_moment(monkeypatch):
    console = Console()
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    console.export(transaction("here"))
    assert "here" in stream.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "cp1252"])
def test_the_console_writes_in_any_encoding(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    Console(stream).export(transaction("grün \ud800 日本"))
    assert raw.getvalue()


def test_a_console_that_is_gone_is_left_alone(monkeypatch):
    stream = io.StringIO()
    console = Console(stream)
    stream.close()
    console.export(transaction())
    monkeypatch.setattr("sys.stderr", None)
    Console().export(transaction())


def test_json_lines_are_events_one_a_line(tmp_path):
    path = tmp_path / "events.jsonl"
    lines = JsonLines(path)
    assert not path.exists()
    lines.export(transaction("first\nwith a line feed"))
    lines.export(error("boom"))
    assert lines.flush()
    assert lines.close()
    first, second = map(json.loads, path.read_text().splitlines())
    assert first["type"] == "transaction"
    assert first["transaction"] == "first\nwith a line feed"
    assert second["message"] == "boom"


def test_json_lines_of_many_threads_are_whole(tmp_path):
    lines = JsonLines(tmp_path / "events")

    def write():
        for _ in range(100):
            lines.export(transaction("x" * 5000))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.close()
    assert len([json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]) == 800


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_json_lines_may_be_shared_with_a_forked_child(tmp_path):
    lines = JsonLines(tmp_path / "events")
    lines.export(transaction("parent"))
    child = os.fork()
    if not child:
        try:
            lines.export(transaction("child"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    lines.export(transaction("parent again"))
    lines.close()
    found = [json.loads(line)["transaction"] for line in (tmp_path / "events").read_text().splitlines()]
    assert found == ["parent", "child", "parent again"]


def test_json_lines_that_cannot_be_written_say_where(tmp_path):
    with pytest.raises(OSError, match="missing"):
        JsonLines(tmp_path / "missing" / "events").export(transaction())


def test_an_error_without_anything_has_a_title():
    assert "error" in shown(ErrorEvent(event_id="e", trace_id="t", span_id="s", time=BEGIN))
