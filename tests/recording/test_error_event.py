"""Exceptions, messages and hand-made events as error events."""

import asyncio
import builtins
import json
import os
import sys
import threading
import time
import types

import pytest

from instrument import _guard
from instrument._value import as_dict
from instrument.recording.error_event import error_event, exception_values, message_event, user_event
from instrument.recording.stacktrace import FrameRules
from instrument.wire import encode_event
from tests.relay_check import assert_relay_accepts

RULES = FrameRules(include_local_variables=False, include_source_context=False)
IDS = {"event_id": "1" * 32, "time": 1_767_323_045_123_456_789, "trace_id": "a" * 32, "span_id": "b" * 16}
ExceptionGroup = getattr(builtins, "ExceptionGroup", None)
needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="needs Python 3.11")


def caught(function, *args):
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def raised(error, cause=None, context=None):
    error.__cause__, error.__context__ = cause, context
    error.__suppress_context__ = cause is not None
    return error


def values_of(error, **how):
    return exception_values(error, RULES, **how)


def tree_of(error):
    return [
        (
            value["type"],
            value["mechanism"]["exception_id"],
            value["mechanism"].get("parent_id"),
            value["mechanism"].get("source"),
        )
        for value in values_of(error)
    ]


def test_an_exception_has_type_value_module_mechanism_and_frames():
    class CartError(Exception):
        pass

    def fail():
        raise CartError("empty", 3)

    (value,) = values_of(caught(fail), mechanism="wsgi", handled=False)
    assert value["type"] == CartError.__qualname__
    assert value["module"] == __name__
    assert value["value"] == "('empty', 3)"
    assert value["mechanism"] == {"type": "wsgi", "handled": False, "exception_id": 0}
    assert [frame["function"] for frame in value["stacktrace"]["frames"]] == ["caught", "fail"]


def test_a_builtin_exception_has_no_module():
    (value,) = values_of(caught(int, "x"))
    assert value["type"] == "ValueError"
    assert "module" not in value


def test_an_exception_that_was_never_raised_has_no_stacktrace_of_its_own_but_the_threads():
    event = error_event(ValueError("made"), rules=RULES, **IDS)
    assert "stacktrace" not in event.exceptions[0]
    frame = event.threads[0]["stacktrace"]["frames"][-1]
    assert frame["function"] == sys._getframe().f_code.co_name


def test_a_cause_comes_before_what_it_caused():
    error = raised(KeyError("k"), cause=raised(ValueError("v"), context=TypeError("t")))
    assert tree_of(error) == [
        ("TypeError", 2, 1, "__context__"),
        ("ValueError", 1, 0, "__cause__"),
        ("KeyError", 0, None, None),
    ]
    assert [value["mechanism"]["type"] for value in values_of(error)] == ["chained", "chained", "generic"]


def test_from_none_ends_the_chain():
    def fail():
        try:
            int("x")
        except ValueError:
            raise KeyError from None

    assert [value["type"] for value in values_of(caught(fail))] == ["KeyError"]


def test_a_cause_hides_the_context():
    error = raised(KeyError(), cause=ValueError(), context=TypeError())
    assert [value["type"] for value in values_of(error)] == ["ValueError", "KeyError"]


def test_circles_of_causes_and_contexts_end():
    first, second = ValueError("first"), KeyError("second")
    raised(first, context=second)
    raised(second, cause=first)
    assert [value["type"] for value in values_of(first)] == ["KeyError", "ValueError"]
    assert len(values_of(raised(first, cause=first))) == 1


def test_of_a_long_chain_those_nearest_to_the_raised_one_are_kept_and_the_rest_is_counted():
    error = None
    for number in range(2000):
        error = raised(ValueError(number), context=error)
    values = values_of(error)
    assert [value["value"] for value in values] == [str(number) for number in range(1950, 2000)]
    assert values[0]["mechanism"]["data"] == {"left_out": 1950}


@needs_groups
def test_members_of_groups_are_numbered_depth_first_under_their_true_parent():
    inner = raised(ExceptionGroup("h", [KeyError("k")]), cause=OSError("c"))
    group = raised(ExceptionGroup("g", [ValueError("a"), inner]), cause=ZeroDivisionError())
    assert tree_of(group) == [
        ("KeyError", 5, 3, "exceptions[0]"),
        ("OSError", 4, 3, "__cause__"),
        ("ExceptionGroup", 3, 0, "exceptions[1]"),
        ("ValueError", 2, 0, "exceptions[0]"),
        ("ZeroDivisionError", 1, 0, "__cause__"),
        ("ExceptionGroup", 0, None, None),
    ]
    marked = [value["mechanism"].get("is_exception_group", False) for value in values_of(group)]
    assert marked == [False, False, True, False, False, True]


@needs_groups
def test_a_large_group_is_bounded():
    group = ExceptionGroup("many", [ValueError(number) for number in range(500)])
    values = values_of(group)
    assert len(values) == 50
    assert values[-1]["value"] == "many (500 sub-exceptions)"
    assert values[0]["mechanism"]["data"] == {"left_out": 451}


@needs_groups
def test_a_task_groups_errors_are_its_members():
    async def fail():
        raise ValueError("in a task")

    async def main():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())

    values = values_of(caught(asyncio.run, main()))
    assert [value["type"] for value in values] == ["ValueError", "ExceptionGroup"]
    assert values[0]["stacktrace"]["frames"][-1]["function"] == "fail"


def test_a_back_ported_group_is_one_too():
    class BaseExceptionGroup(Exception):
        __qualname__ = "BaseExceptionGroup"

        @property
        def exceptions(self):
            return (ValueError("a"), KeyError("k"), "no exception")

    values = values_of(BaseExceptionGroup("group"))
    assert [value["type"] for value in values] == ["KeyError", "ValueError", "BaseExceptionGroup"]
    assert values[-1]["mechanism"]["is_exception_group"] is True


def test_notes_are_lines_of_the_value():
    error = ValueError("boom")
    error.__notes__ = ["first note", "second note"]
    assert values_of(error)[0]["value"] == "boom\nfirst note\nsecond note"


def test_notes_that_are_none_are_ignored():
    for notes in (None, 5, {"a": 1}):
        error = ValueError("boom")
        error.__notes__ = notes
        assert values_of(error)[0]["value"] == "boom"
    error.__notes__ = [object()]
    assert values_of(error)[0]["value"] == "boom\n<object>"


def test_a_message_or_detail_the_exception_carries_is_its_value():
    first, second = ValueError("args"), ValueError("args")
    first.message, second.detail = "the message", "the detail"
    assert values_of(first)[0]["value"] == "the message"
    assert values_of(second)[0]["value"] == "the detail"
    first.message = ["no text"]
    assert values_of(first)[0]["value"] == "args"


def test_an_error_number_is_in_the_mechanism():
    (value,) = values_of(caught(open, "/nonexistent/file"))
    assert value["mechanism"]["meta"] == {"errno": {"number": 2}}
    assert value["value"] == "[Errno 2] No such file or directory: '/nonexistent/file'"


def test_a_syntax_error_shows_its_line():
    (value,) = values_of(caught(compile, "x = 1\nif x:\n    pass pass\n", "shop/rules.py", "exec"))
    frame = value["stacktrace"]["frames"][-1]
    assert (frame["filename"], frame["lineno"], frame["context_line"]) == ("rules.py", 3, "    pass pass")
    assert value["value"] == "invalid syntax (rules.py, line 3)"


def test_a_syntax_error_without_a_place_is_just_an_error():
    (value,) = values_of(SyntaxError("odd"))
    assert value["value"] == "odd"
    assert "stacktrace" not in value


@pytest.fixture
def unwatched(monkeypatch):
    """Faults of the program's own methods are kept from the program, as they are outside our tests."""
    monkeypatch.setattr(_guard, "strict", False)


@pytest.mark.parametrize("fault", [RuntimeError, SystemExit, GeneratorExit, RecursionError])
def test_an_exception_that_cannot_be_said_is_named(unwatched, fault):
    class Mute(Exception):
        def __str__(self):
            raise fault

        __repr__ = __str__

    assert values_of(Mute("x"))[0]["value"] == f"<unprintable {Mute.__qualname__} object>"


def test_an_exception_whose_str_is_no_text_is_named(unwatched):
    class Odd(Exception):
        def __str__(self):
            return 5

    assert values_of(Odd())[0]["value"] == f"<unprintable {Odd.__qualname__} object>"


def test_an_exceptions_own_str_is_asked():
    class Said(Exception):
        def __str__(self):
            return "said"

    class Heir(Said):
        pass

    assert values_of(Heir("args"))[0]["value"] == "said"


def test_what_an_exception_carries_is_not_called():
    class Blocking:
        def __str__(self):
            threading.Event().wait()

        __repr__ = __eq__ = __hash__ = __getattribute__ = __str__

    name = f"<{__name__}.{Blocking.__qualname__}>"
    assert values_of(ValueError(Blocking()))[0]["value"] == name
    assert values_of(ValueError("a", Blocking()))[0]["value"] == f"('a', '{name}')"
    assert values_of(KeyError(Blocking()))[0]["value"] == name


def test_an_exception_that_answers_nothing_is_read_all_the_same():
    class Silent(Exception):
        def __getattribute__(self, name):
            raise RuntimeError(name)

    def fail():
        raise Silent("boom")

    (value,) = values_of(caught(fail))
    assert value["value"] == "boom"
    assert value["stacktrace"]["frames"][-1]["function"] == "fail"


def test_a_file_that_does_not_decode_says_where():
    (value,) = values_of(caught((b"x" * 100_000 + b"\xff").decode))
    assert value["value"] == "'utf-8' codec can't decode byte 0xff in position 100000: invalid start byte"


def test_long_values_are_cut():
    assert len(values_of(ValueError("x" * 10_000_000))[0]["value"]) == 8192
    assert len(values_of(ValueError("x" * 10_000_000, 1))[0]["value"]) <= 8192
    assert len(values_of(KeyError("x" * 10_000_000))[0]["value"]) <= 8192


def test_a_surrogate_in_a_message_is_escaped():
    assert values_of(ValueError("\ud800"))[0]["value"] == "\\ud800"


def test_an_event_knows_ids_time_level_and_thread():
    event = error_event(caught(int, "x"), rules=RULES, parent_span_id="c" * 16, handled=False, **IDS)
    assert (event.event_id, event.trace_id, event.span_id, event.parent_span_id) == (
        "1" * 32,
        "a" * 32,
        "b" * 16,
        "c" * 16,
    )
    assert (event.time, event.level, event.kind) == (IDS["time"], "error", "error")
    thread = threading.current_thread()
    assert event.threads == [{"id": thread.ident, "name": thread.name, "current": True, "crashed": True}]
    assert event.exceptions[-1]["thread_id"] == thread.ident


class Awkward(Exception):
    """Carries what is hard to send."""


def awkward():
    stranger, loop, nan, wide = object(), [], float("nan"), "\ud800ä" * 9000
    loop.append(loop)
    try:
        os.stat("/nonexistent/file")
    except OSError as error:
        raise Awkward(stranger, loop, nan, wide, b"\xff", 10**5000) from error


@pytest.mark.parametrize(
    "failing",
    [
        awkward,
        lambda: int("x"),
        lambda: compile("x = (", "a.py", "exec"),
        lambda: recursing(3000),
        lambda: b"\xff".decode(),
        lambda: exec("raise ValueError('made up')", {}),
    ],
)
def test_the_server_takes_every_event(failing):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        error = caught(failing)
        event = error_event(error, rules=FrameRules(), **IDS | {"time": time.time_ns()})
    finally:
        sys.setrecursionlimit(before)
    assert_relay_accepts(json.loads(encode_event(event)))


@needs_groups
def test_the_server_takes_groups():
    inner = raised(ExceptionGroup("h", [KeyError("k"), OSError(2, "gone")]), cause=OSError("c"))
    event = error_event(ExceptionGroup("g", [ValueError("a"), inner]), **IDS | {"time": time.time_ns()})
    kept = assert_relay_accepts(json.loads(encode_event(event)))
    assert [value["mechanism"].get("parent_id") for value in kept["exception"]["values"]] == [2, 2, 2, 0, 0, None]


def test_the_server_takes_messages_and_the_users_own_events():
    times = IDS | {"time": time.time_ns()}
    assert_relay_accepts(json.loads(encode_event(message_event("käse", **times))))
    own = {"message": {"formatted": "x"}, "tags": [["a", 1]], "user": {"id": 1, "plan": "gold"}, "level": "fatal"}
    assert_relay_accepts(json.loads(encode_event(user_event(own, **times))))


def recursing(levels):
    if levels:
        return recursing(levels - 1)
    raise RecursionError("deep")


def test_a_message_is_an_event():
    event = message_event("deployed", **IDS)
    assert (event.message, event.level, event.exceptions) == ("deployed", "info", [])
    assert message_event("x", level="warning", **IDS).level == "warning"
    assert message_event("x", level="shouting", **IDS).level == "info"
    assert message_event(404, **IDS).message == "404"


def test_an_event_of_the_user_goes_to_the_fields_it_names():
    event = user_event(
        {
            "event_id": "12345678-1234-1234-1234-123456789ABC",
            "timestamp": "2026-01-02T03:04:05.678901Z",
            "level": "warning",
            "message": "said",
            "logger": "shop",
            "exception": {"values": [{"type": "E", "value": "v"}]},
            "breadcrumbs": [{"message": "crumb"}],
            "threads": {"values": [{"id": 1}]},
            "tags": [["a", "1"], ["b", 2]],
            "contexts": {"trace": {"trace_id": "c" * 32, "span_id": "d" * 16}, "app": {"name": "x"}},
            "extra": {"n": 1},
            "user": {"id": "7"},
            "request": {"url": "http://h/"},
            "fingerprint": ["a", 1],
            "transaction": "/x",
            "transaction_info": {"source": "route"},
            "release": "1",
            "modules": {"m": "1"},
            "custom": {"kept": [1]},
        },
        **IDS,
    )
    shown = as_dict(event)
    assert shown["event_id"] == "123456781234123412341234" + "56789abc"
    assert shown["time"] == 1_767_323_045_678_901_000
    assert (event.trace_id, event.span_id) == ("c" * 32, "d" * 16)
    assert event.contexts == {"app": {"name": "x"}}
    assert event.exceptions == [{"type": "E", "value": "v"}]
    assert event.breadcrumbs == [{"message": "crumb"}]
    assert event.threads == [{"id": 1}]
    assert event.tags == {"a": "1", "b": "2"}
    assert event.fingerprint == ["a", "1"]
    assert (event.transaction, event.transaction_source) == ("/x", "route")
    assert (event.level, event.message, event.logger, event.release) == ("warning", "said", "shop", "1")
    assert (event.user, event.request, event.extra, event.modules) == (
        {"id": "7"},
        {"url": "http://h/"},
        {"n": 1},
        {"m": "1"},
    )
    assert event.other == {"custom": {"kept": [1]}}


def test_a_wrong_event_of_the_user_is_made_the_best_of():
    wrong = {name: object() for name in as_dict(user_event({}, **IDS))} | {
        "event_id": "short",
        "timestamp": "yesterday",
        "exception": 5,
        "breadcrumbs": {"values": 5},
        "tags": [["a"], 5, ["b", "c"]],
        "contexts": {"trace": {"trace_id": "0" * 32, "span_id": "x"}, "bad": 1},
        "transaction_info": "route",
        "level": ["error"],
        5: "five",
    }
    event = user_event(wrong, **IDS)
    assert (event.event_id, event.time, event.trace_id) == (IDS["event_id"], IDS["time"], IDS["trace_id"])
    assert (event.exceptions, event.breadcrumbs, event.tags, event.level) == ([], [], {"b": "c"}, "info")
    assert event.other["5"] == "five"
    for odd in (None, [], "text", object(), types.MappingProxyType({})):
        assert user_event(odd, **IDS).event_id == IDS["event_id"]


@pytest.mark.parametrize("timestamp", [float("nan"), float("inf"), 1e300, 10**400, "9999-12-31T23:59:59+00:00", -1])
def test_any_time_of_the_user_is_survived(timestamp):
    assert type(user_event({"timestamp": timestamp}, **IDS).time) is int


def test_the_frames_of_the_users_event_are_all_kept():
    frames = [{"function": f"f{n}", "pre_context": ["x"] * 5, "post_context": ["y"] * 5} for n in range(200)]
    event = user_event({"exception": {"type": "E", "value": "v", "stacktrace": {"frames": frames}}}, **IDS)
    assert event.exceptions[0]["stacktrace"]["frames"] == frames
