"""Whatever is put into events: something sensible arrives, in bounded time and space, and the program never notices."""

import datetime
import decimal
import enum
import io
import json
import math
import pathlib
import uuid

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import instrument
from instrument.testing import record
from instrument.wire import encode_event
from tests.relay_check import assert_relay_is_content


class Escaped(BaseException):
    """Nothing that only catches `Exception` stops it."""


class Hostile:
    """Every way to misbehave when somebody looks."""

    def _fail(self, *_):
        raise Escaped

    __repr__ = __str__ = __eq__ = __len__ = __iter__ = __bool__ = __format__ = _fail
    __hash__ = object.__hash__

    def __getattr__(self, name):
        raise Escaped


class Disguised(Hostile):
    """It even lies about what it is."""

    @property
    def __class__(self):
        raise Escaped


class Meta(type):
    def __instancecheck__(cls, instance):
        raise Escaped

    __subclasscheck__ = __eq__ = __repr__ = __instancecheck__
    __hash__ = type.__hash__


class OfMeta(metaclass=Meta):
    pass


class Color(enum.Enum):
    RED = "red"


@attrs.frozen
class Point:
    x: int
    password: str


class Growing(dict):
    """A mapping that changes while somebody reads it."""

    def items(self):
        for key in list(self):
            self[f"{key}x"] = 1
            yield key, self[key]

    __iter__ = keys = items


def circle():
    held = {}
    held["me"] = [held]
    return held


def deep(levels=10_000):
    held = []
    for _ in range(levels):
        held = [held]
    return held


def laughs():
    held = ["ha"]
    for _ in range(30):
        held = [held, held]
    return held


SPECIMENS = {
    "10 MB of text": "x" * 10_000_000,
    "10 MB of bytes": b"x" * 10_000_000,
    "circle": circle(),
    "10,000 levels": deep(),
    "billion laughs": laughs(),
    "nan": math.nan,
    "infinity": -math.inf,
    "2**70": 2**70,
    "5,000 digits": 10**5000,
    "surrogate": "a\ud800",
    "odd keys": {None: 1, 2: 3, (1, 2): 4, b"x": 5, "": 6, 1.5: 7, "a\ud800": 8, "k" * 100_000: 9},
    "hostile": Hostile(),
    "disguised": Disguised(),
    "disguised inside": [Disguised(), {"a": Disguised()}],
    "hostile inside": {"list": [Hostile(), {"deep": Hostile()}], "set": {1, 2}},
    "metaclass": OfMeta(),
    "class": OfMeta,
    "growing": Growing({"a": 1}),
    "100,000 keys": dict.fromkeys(map(str, range(100_000)), 1),
    "a million numbers": [1] * 1_000_000,
    "file": io.StringIO("not read"),
    "attrs": Point(1, "planted"),
    "enum": Color.RED,
    "path": pathlib.Path("/a/b"),
    "uuid": uuid.UUID(int=7),
    "decimal": decimal.Decimal("1.50"),
    "moment": datetime.datetime.max,
    "error": ValueError("no", {"password": "planted"}),
    "NUL": "a\0b\r\nc",
    "function": len,
    "module": json,
}


def give(value):
    """Put a value into every slot there is."""
    instrument.set_tag("tag", value)
    instrument.set_extra("extra", value)
    instrument.set_context("context", {"value": value})
    instrument.set_user({"id": value, "data": value})
    instrument.add_breadcrumb(message=value, data={"value": value}, category=value)
    with instrument.transaction("a", "b", data={"value": value}) as tx:
        tx.set_context("more", {"value": value})
        tx.set_measurement("m", value)
        with instrument.span("c", "d", data={"value": value}, tags={"t": value}) as child:
            child.set_status(value)
            local = value  # for the frame's variables
            try:
                raise ValueError(value)
            except ValueError as error:
                instrument.capture_exception(error)
            del local
    instrument.capture_message(value)
    instrument.capture_event({"message": value, "extra": {"value": value}, "exception": value, "tags": value})


def check(recorded):
    items = [*recorded.transactions, *recorded.errors]
    assert len(items) == 4
    for item in items:
        encoded = encode_event(item)
        assert len(encoded) <= 1_000_000
        assert b"planted" not in encoded
        assert_relay_is_content(json.loads(encoded))
    assert recorded.stats().balanced


@pytest.mark.parametrize("name", SPECIMENS)
def test_something_sensible_arrives(name):
    with record() as recorded:
        give(SPECIMENS[name])
    check(recorded)


def test_nothing_is_consumed():
    taken = []

    def numbers():
        taken.append(1)
        yield 1

    source, file = numbers(), io.StringIO("not read")
    with record() as recorded:
        give({"generator": source, "file": file, "map": map(taken.append, [1])})
    check(recorded)
    assert taken == [] and file.tell() == 0
    assert next(source) == 1


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=50)
    | st.characters(categories=["Cs", "Cc"])
    | st.binary(max_size=20)
    | st.datetimes()
    | st.decimals()
    | st.uuids()
    | st.sampled_from([Color.RED, "password=planted", "Bearer planted", len, ...])
    | st.builds(Hostile)
    | st.builds(Point, st.just(1), st.just("planted"))
)
keys = (
    st.text(max_size=10) | st.integers() | st.none() | st.sampled_from(["password", "a.b", "Cookie", "key", "tags", ""])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(keys, inner, max_size=5)
        | st.tuples(inner, inner)
        | st.builds(lambda one: [one, one], inner)
    ),
    max_leaves=30,
)


@given(values)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_in_every_slot_arrives(value):
    with record() as recorded:
        give(value)
    check(recorded)


event_fields = st.sampled_from(
    [
        *("message", "logentry", "exception", "threads", "breadcrumbs", "tags", "extra", "user", "request", "contexts"),
        *(
            "level",
            "timestamp",
            "event_id",
            "fingerprint",
            "transaction",
            "modules",
            "release",
            "environment",
            "sdk",
            "dist",
        ),
    ]
)


@given(st.dictionaries(event_fields | st.text(max_size=8), values, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_mapping_is_taken_for_an_event(given_event):
    with record() as recorded:
        instrument.capture_event(given_event)
    (event,) = recorded.errors
    json.loads(encode_event(event))
    assert recorded.stats().balanced


@given(st.dictionaries(st.sampled_from(["url", "query_string", "headers", "cookies", "data", "env", "method"]), values))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_request_is_shown_without_secrets(request):
    with record(send_default_pii=True) as recorded:
        instrument.capture_event({"message": "x", "request": request})
    encoded = encode_event(recorded.errors[0])
    assert b"Bearer planted" not in encoded and b"password=planted" not in encoded


@given(values)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_hook_may_put_anything_anywhere(value):
    def hook(event, hint):
        for name in ("tags", "extra", "contexts", "user", "request", "breadcrumbs", "meta", "level", "message"):
            if hasattr(event, name):
                setattr(event, name, value)
        return event

    with record(
        before_send=hook, before_send_transaction=hook, before_breadcrumb=lambda crumb, hint: value
    ) as recorded:
        instrument.add_breadcrumb(message="x")
        with instrument.transaction("a", "b"):
            instrument.capture_message("x")
    for item in (*recorded.transactions, *recorded.errors):
        json.loads(encode_event(item))
    assert recorded.stats().balanced
