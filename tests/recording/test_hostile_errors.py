"""Exceptions that misbehave when somebody looks: they are recorded, and the program never notices."""

import json
import os
import pathlib
import sys
import threading
import types

import pytest

import instrument
from instrument.recording.failure import note_of
from instrument.recording.stacktrace import LARGEST_SOURCE
from instrument.testing import record
from instrument.wire import encode_event
from tests.relay_check import assert_relay_is_content


class Escaped(BaseException):
    """Nothing that only catches `Exception` stops it."""


class Hostile:
    def _fail(self, *_):
        raise Escaped

    __repr__ = __str__ = __eq__ = __len__ = __bool__ = __format__ = _fail
    __hash__ = object.__hash__


class HostileText(str):
    def _fail(self, *_, **__):
        raise Escaped

    __eq__ = __hash__ = __len__ = __str__ = __repr__ = __format__ = startswith = rpartition = replace = _fail


def captured(error):
    """The one event that capturing `error` makes, as it is sent."""
    with record() as recorded:
        assert instrument.capture_exception(error) is not None
    [event] = recorded.errors
    payload = json.loads(encode_event(event))
    assert_relay_is_content(payload)
    return payload


def raised_in(code, names=None):
    try:
        exec(code, {"__name__": "planted"} if names is None else names)
    except ZeroDivisionError as error:
        return error
    raise AssertionError


class Meta(type):
    def _fail(cls, *_):
        raise Escaped

    __eq__ = __repr__ = __bool__ = __instancecheck__ = __getattribute__ = _fail
    __hash__ = type.__hash__


def of_meta(text):
    """Made in here, as the test runner asks the classes of a module."""

    class OfMeta(Exception, metaclass=Meta):
        pass

    return OfMeta(text)


class Secretive(Exception):
    def __getattribute__(self, name):
        raise ValueError(name)


class Faceless(Exception):
    @property
    def __dict__(self):
        raise Escaped


# By name, as even a test runner would ask them.
MAKERS = {"class": lambda: of_meta("said"), "object": lambda: Secretive("said"), "dict": lambda: Faceless("said")}


@pytest.mark.parametrize("made", MAKERS)
def test_neither_a_class_nor_an_object_is_asked_for_what_its_slots_hold(made):
    [value] = captured(MAKERS[made]())["exception"]["values"]
    assert value["type"].rpartition(".")[2] in ("OfMeta", "Secretive", "Faceless")
    assert value["value"] == "said"


@pytest.mark.parametrize("made", MAKERS)
def test_a_block_that_ends_with_it_lets_it_pass(made):
    error = MAKERS[made]()
    with record() as recorded:
        span = instrument.transaction("op", "name")
        span.__enter__()
        span.__exit__(type(error), error, None)
    assert recorded.transactions[0].status == "internal_error"
    assert note_of(error) is not None


def test_the_name_of_a_class_may_be_a_text_of_a_class_of_its_own():
    class Named(Exception):
        pass

    Named.__qualname__ = HostileText("Odd")
    assert captured(Named(Named))["exception"]["values"][0]["type"] == "Odd"


@pytest.mark.parametrize("code", [0.0, [], True, ...])
def test_the_end_of_the_program_is_told_by_a_code_that_is_a_number(code):
    with record() as recorded, pytest.raises(SystemExit), instrument.transaction("op", "name"):
        raise SystemExit(Hostile() if code is ... else code)
    assert recorded.transactions[0].status == "internal_error"


def test_what_a_program_put_into_the_fields_of_a_system_error_is_not_asked():
    for name, shown in ((Hostile(), f"<{__name__}.Hostile>"), (pathlib.PurePosixPath("/x"), "/x"), ("/x", "/x")):
        error = OSError(2, "no")
        error.filename = name
        assert captured(error)["exception"]["values"][0]["value"] == f"[Errno 2] no: '{shown}'"


@pytest.mark.parametrize("number", [2**70, 10**4000])
def test_a_number_that_no_server_takes_is_left_out(number):
    error = OSError(2, "no")
    error.errno = number
    assert "meta" not in captured(error)["exception"]["values"][0]["mechanism"]
    captured(SyntaxError("no", ("a.py", number, 1, "a b")))


def test_the_members_of_a_group_are_read_past_its_own_property():
    if sys.version_info < (3, 11):
        pytest.skip("needs Python 3.11")

    class Own(ExceptionGroup):  # noqa: F821
        @property
        def exceptions(self):
            raise Escaped

    values = captured(Own("several", [KeyError("k")]))["exception"]["values"]
    assert [value["type"] for value in values] == ["KeyError", Own.__qualname__]


def test_a_note_that_somebody_else_left_is_none():
    error = ValueError("x")
    error.__dict__["__instrument__"] = (Hostile(),) * 9
    assert note_of(error) is None
    captured(error)


def test_a_thread_that_cannot_say_its_name_still_has_its_error():
    class Nameless(threading.Thread):
        def run(self):
            self.found = captured(ValueError("x"))

        @property
        def name(self):
            raise RuntimeError if threading.current_thread() is self else AttributeError

        @name.setter
        def name(self, value):
            pass

    thread = Nameless()
    thread.start()
    thread.join()
    assert thread.found["threads"]["values"][0]["name"].startswith("Thread-")


def test_the_triple_of_an_exception_stands_for_it_and_what_is_none_is_no_error():
    error = ValueError("x")
    assert captured((ValueError, error, None))["exception"]["values"][0]["value"] == "x"
    with record() as recorded:
        for given in (5, "text", ValueError, Hostile(), (1, 2, 3), HostileText("x")):
            assert instrument.capture_exception(given) is None
    assert recorded.errors == []


@pytest.mark.parametrize("name", ["fifo", "/dev/zero", "large.py", "a\0b", "odd.py"])
def test_source_is_read_only_where_reading_comes_to_an_end(tmp_path, monkeypatch, name):
    """A pipe would block for ever, a device never end."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    with open("large.py", "wb") as file:
        file.truncate(LARGEST_SOURCE + 1)
    (tmp_path / "odd.py").write_bytes(b"# \xff\xfe\n1/0\n")
    code = compile("\n1/0", "x", "exec")
    try:
        code = code.replace(co_filename=name)
    except ValueError:
        pytest.skip("needs Python that has such code")
    assert "context_line" not in captured(raised_in(code))["exception"]["values"][0]["stacktrace"]["frames"][-1]


def test_a_loader_that_fails_or_answers_anything_leaves_a_frame_without_lines():
    class Loader:
        def get_source(self, name):
            raise SystemExit

    class Names(dict):
        def get(self, *_):
            raise Escaped

    code = compile("1/0", "not_there.py", "exec")
    for names in ({"__name__": "x", "__loader__": Loader()}, Names(__name__="x")):
        frame = captured(raised_in(code, names))["exception"]["values"][0]["stacktrace"]["frames"][-1]
        assert "context_line" not in frame


def test_a_traceback_of_ten_thousand_entries_is_shown_by_its_ends():
    error = raised_in("1/0")
    traceback = error.__traceback__
    for _ in range(10_000):
        traceback = types.TracebackType(traceback, traceback.tb_frame, 0, 1)
    values = captured(error.with_traceback(traceback))["exception"]["values"]
    assert len(values[0]["stacktrace"]["frames"]) == 250
