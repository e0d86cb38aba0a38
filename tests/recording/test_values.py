"""Values as bounded plain data: whatever is given, something sensible arrives soon, and no code of its own has run."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import http
import io
import pathlib
import sys
import threading
import types
import uuid
import zoneinfo

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument import _guard
from instrument.recording.values import Walk, plain, plain_mapping, text

EXACT = {dict, list, str, int, float, bool, type(None)}


def nodes_of(value):
    yield value
    if type(value) is dict:
        yield from value
        for item in value.values():
            yield from nodes_of(item)
    elif type(value) is list:
        for item in value:
            yield from nodes_of(item)


def depth_of(value):
    below = list(value.values()) if type(value) is dict else value if type(value) is list else None
    return 0 if below is None else 1 + max(map(depth_of, below), default=0)


def assert_plain(value):
    for node in nodes_of(value):
        assert type(node) in EXACT
        if type(node) is str:
            assert len(node.encode()) <= 8192
    assert depth_of(value) <= 10
    assert len(list(nodes_of(value))) <= 5000
    msgspec.json.decode(msgspec.json.encode(value))


class Told(Exception):
    """Code of the program was called."""


def tell(*args, **kwargs):
    raise Told


HOOKS = (
    "repr str eq hash len iter getitem getattribute bool contains format int float index bytes fspath reduce sizeof dir"
).split()
Hostile = type("Hostile", (), {f"__{name}__": tell for name in HOOKS} | {"__class__": property(tell)})


class HostileKind(type):
    """A metaclass that lets nobody ask anything of its classes."""

    __eq__ = __hash__ = __repr__ = __str__ = __getattribute__ = __instancecheck__ = __subclasscheck__ = tell


HostileOfHostileKind = HostileKind("HostileOfHostileKind", (), {"__eq__": tell})


def hostile_kin(base):
    return type(f"Hostile{base.__name__}", (base,), {f"__{name}__": tell for name in HOOKS if hasattr(base, "__len__")})


def laughs():
    value = ["ha"]
    for _ in range(30):
        value = [value, value]
    return value


def nested(levels):
    value = {}
    for _ in range(levels):
        value = {"below": value}
    return value


def self_referential():
    value = {"name": "loop"}
    value["self"] = value
    value["list"] = [value]
    return value


class Colour(enum.Enum):
    RED = 1


class Size(enum.IntEnum):
    LARGE = 3


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: object
    secret: str = dataclasses.field(default="hidden", repr=False)


@dataclasses.dataclass
class SlottedPoint:
    __slots__ = ("x",)
    x: int


@attrs.define
class Account:
    name: str
    secret: str = attrs.field(default="hidden", repr=False)


@attrs.define(slots=False)
class OpenAccount:
    name: str


class Pydantic:
    """A model laid out as pydantic's are."""

    __slots__ = ("__dict__", "__pydantic_fields_set__")

    def __init__(self, **values):
        object.__setattr__(self, "__dict__", values)


class Field:
    __slots__ = ("repr",)

    def __init__(self, shown):
        self.repr = shown


Pydantic.__pydantic_fields__ = {"name": Field(True), "password": Field(False)}

Named = collections.namedtuple("Named", "first second")


class Text(str):
    __slots__ = ()

    def __str__(self):
        tell()


PLAIN = {
    "text": ("häuser", "häuser"),
    "number": (7, 7),
    "truth": (True, True),
    "nothing": (None, None),
    "NaN": (float("nan"), "nan"),
    "infinity": (float("inf"), "inf"),
    "minus infinity": (float("-inf"), "-inf"),
    "the largest int": (2**63 - 1, 2**63 - 1),
    "the smallest int": (-(2**63), -(2**63)),
    "2**70": (2**70, "1180591620717411303424"),
    "5000 digits": (10**5000, "<int, 16610 bits>"),
    "minus 5000 digits": (-(10**5000), "<int, 16610 bits>"),
    "lone surrogate": ("a\ud800b", "a\\ud800b"),
    "surrogate key": ({"\udfff": 1}, {"\\udfff": 1}),
    "NUL and line ends": ("a\0b\r\nc", "a\0b\r\nc"),
    "bytes": (b"abc", "<bytes, 3 long: YWJj>"),
    "bytearray": (bytearray(100), f"<bytearray, 100 long: {'A' * 64}...>"),
    "tuple": ((1, (2,)), [1, [2]]),
    "set": ({1}, [1]),
    "frozenset": (frozenset("a"), ["a"]),
    "deque": (collections.deque([1, 2]), [1, 2]),
    "defaultdict": (collections.defaultdict(list, a=[1]), {"a": [1]}),
    "OrderedDict": (collections.OrderedDict(a=1), {"a": 1}),
    "Counter": (collections.Counter("aab"), {"a": 2, "b": 1}),
    "named tuple": (Named(1, 2), [1, 2]),
    "odd keys": ({None: 1, 2: 3, "": 4, (1, 2): 5, 1.5: 6, b"k": 7}, None),
    "datetime": (datetime.datetime(2026, 1, 2, 3, 4, 5, 678), "2026-01-02T03:04:05.000678"),
    "aware datetime": (datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), "2026-01-02T00:00:00+00:00"),
    "zoned datetime": (datetime.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("UTC")), "2026-01-02T00:00:00+00:00"),
    "the last datetime": (datetime.datetime.max, "9999-12-31T23:59:59.999999"),
    "date": (datetime.date(2026, 1, 2), "2026-01-02"),
    "time": (datetime.time(3, 4), "03:04:00"),
    "timedelta": (datetime.timedelta(seconds=90), "0:01:30"),
    "UUID": (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    "Decimal": (decimal.Decimal("1.50"), "1.50"),
    "large Decimal": (decimal.Decimal(10**3999) + 1, None),
    "Fraction": (fractions.Fraction(1, 3), "1/3"),
    "Path": (pathlib.PurePosixPath("/a/b"), "/a/b"),
    "complex": (1j, "1j"),
    "range": (range(3), "range(0, 3)"),
    "enum": (Colour.RED, "Colour.RED"),
    "int enum": (Size.LARGE, 3),
    "text enum": (http.HTTPStatus.OK, 200),
    "flag": (Access.READ, "Access.READ"),
    "dataclass": (Point(1, [2]), {"x": 1, "y": [2]}),
    "dataclass with slots": (SlottedPoint(4), {"x": 4}),
    "attrs class": (Account("ann"), {"name": "ann"}),
    "attrs class with a dict": (OpenAccount("ann"), {"name": "ann"}),
    "pydantic model": (Pydantic(name="ann", password="geheim"), {"name": "ann"}),
    "text of another class": (Text("said"), "said"),
    "object": (object(), "<object>"),
    "stranger": (types.SimpleNamespace(a=1), "<types.SimpleNamespace>"),
    "class": (int, "<class int>"),
    "function": (tell, "<function tell>"),
    "module": (sys, "<module>"),
    "exception": (ValueError("boom", [1]), "ValueError('boom', [1])"),
    "hostile exception": (LookupError(Hostile()), f"LookupError('<{__name__}.Hostile>')"),
    "lock": (threading.Lock(), None),
    "self-referential": (
        self_referential(),
        {"name": "loop", "self": "<cycle to dict>", "list": ["<cycle to dict>"]},
    ),
    "10,000 levels": (nested(10_000), None),
    "billion laughs": (laughs(), None),
    "10 MB of text": ("x" * 10_000_000, "x" * 8189 + "..."),
    "10 MB of bytes": (bytes(10_000_000), f"<bytes, 10000000 long: {'A' * 64}...>"),
    "1 MB key": ({"k" * 1_000_000: 1}, {"k" * 8189 + "...": 1}),
    "a million items": (list(range(1_000_000)), [*range(100), "... 999900 more"]),
    "100,000 entries": (dict.fromkeys(range(100_000)), {**{str(i): None for i in range(100)}, "...": "99900 more"}),
    "hostile object": (Hostile(), f"<{__name__}.Hostile>"),
    "hostile value": ({"a": [Hostile()]}, {"a": [f"<{__name__}.Hostile>"]}),
    "hostile metaclass": (type.__call__(HostileOfHostileKind), f"<{__name__}.HostileOfHostileKind>"),
    "hostile class": (HostileOfHostileKind, f"<class {__name__}.HostileOfHostileKind>"),
}


@pytest.mark.parametrize(("value", "shown"), PLAIN.values(), ids=PLAIN)
def test_every_kind_of_value_arrives_as_something_sensible(value, shown):
    result = plain(value)
    assert_plain(result)
    if shown is not None:
        assert result == shown
        assert type(result) is type(shown)


def test_odd_keys_become_text():
    shown = plain({None: 1, 2: 3, "": 4, (1, 2): 5, True: 6, Hostile: 7})
    assert shown == {"None": 1, "2": 3, "": 4, "[1, 2]": 5, "True": 6, f"<class {__name__}.Hostile>": 7}


def test_containers_of_a_class_with_hostile_methods_are_read_by_their_base():
    for base, content in ((dict, {"a": 1}), (list, [1, 2]), (tuple, [1, 2]), (set, [1]), (str, "abc"), (bytes, b"a")):
        kin = hostile_kin(base)
        value = base.__new__(kin, content) if base in (tuple, str, bytes) else base.__new__(kin)
        if base in (dict, list, set):
            base.__init__(value, content)
        assert plain(value) == (content if base is not bytes else f"<{__name__}.Hostilebytes, 1 long: YQ==>")


def test_an_instance_dict_that_is_a_property_is_left_alone():
    @dataclasses.dataclass
    class Guarded:
        x: int
        __dict__ = property(tell)

    value = object.__new__(Guarded)
    assert_plain(plain(value))


def test_a_timezone_of_the_programs_own_is_not_asked():
    class Zone(datetime.tzinfo):
        utcoffset = dst = tzname = tell

    assert plain(datetime.datetime(2026, 1, 2, tzinfo=Zone())).startswith("2026-01-02T00:00:00 <")


def test_generators_and_files_are_not_consumed():
    generator = (letter for letter in "abc")
    file = io.StringIO("content")
    reader = iter([1, 2])
    shown = plain([generator, file, reader, map(tell, [1])])
    assert shown == ["<generator>", "<_io.StringIO>", "<list_iterator>", "<map>"]
    assert list(generator) == ["a", "b", "c"]
    assert file.read() == "content"
    assert list(reader) == [1, 2]


def test_the_result_does_not_change_with_the_value():
    value = {"a": [1, {"b": 2}]}
    shown = plain(value)
    value["a"][1]["b"] = 3
    value["a"].append(4)
    value["c"] = 5
    assert shown == {"a": [1, {"b": 2}]}


def test_a_mapping_that_changes_while_it_is_read_is_survived():
    value = {}
    stop = threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            number += 1
            value[number] = {number: number}
            value.pop(number - 50, None)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(300):
            assert_plain(plain({"changing": value}))
    finally:
        stop.set()
        changer.join()


def test_a_container_that_shrinks_between_two_steps_is_survived():
    class Shrinking(collections.deque):
        pass

    value = Shrinking(range(10))
    assert plain(value) == list(range(10))


def test_the_whole_is_bounded_in_bytes_whatever_its_parts():
    shown = plain([["x" * 8000] * 100] * 20)
    assert sum(len(node) for node in nodes_of(shown) if type(node) is str) < 300_000


def test_a_walk_has_a_budget_that_several_values_share():
    walk = Walk(nodes=10)
    assert walk.plain([1, 2, 3]) == [1, 2, 3]
    assert walk.plain(list(range(20))) == [0, 1, 2, 3, 4, "... 15 more"]
    assert Walk(nodes=4).plain({str(key): key for key in range(20)}) == {"0": 0, "1": 1, "2": 2, "...": "17 more"}


def test_values_are_taken_at_the_recursion_limit():
    results = []

    def deeper():
        try:
            deeper()
        except RecursionError:
            results.append(plain({"a": [{"b": [1]}]}))
            results.append(text([1]))
            raise

    strict, _guard.strict = _guard.strict, False
    try:
        with pytest.raises(RecursionError):
            deeper()
    finally:
        _guard.strict = strict
    assert results
    for result in results:
        assert_plain(result)


def test_ints_are_shown_when_the_program_has_lowered_the_digit_limit():
    if not hasattr(sys, "set_int_max_str_digits"):
        pytest.skip("needs Python 3.10.7")
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert plain(10**1000) == "<int, 3322 bits>"
    finally:
        sys.set_int_max_str_digits(before)


def test_numpy_values_show_their_type_and_shape(monkeypatch):
    """By a stand-in with numpy's name, layout and attributes; a class that only claims to be of numpy is a stranger."""
    dtype = types.SimpleNamespace(name="float64")
    ndarray = type("ndarray", (), {"__module__": "numpy", "dtype": dtype, "shape": (3, 4)})
    int64 = type("int64", (), {"__module__": "numpy", "ndim": 0, "item": lambda self: 5})
    longdouble = type("longdouble", (), {"__module__": "numpy", "ndim": 0, "item": lambda self: self})
    false = type("int64", (), {"__module__": "numpy", "item": tell})
    numpy = types.ModuleType("numpy")
    numpy.ndarray, numpy.int64, numpy.longdouble = ndarray, int64, longdouble
    monkeypatch.setitem(sys.modules, "numpy", numpy)
    shown = plain([ndarray(), int64(), longdouble(), false()])
    assert shown == ["<numpy.ndarray float64 (3, 4)>", 5, "<numpy.longdouble>", "<numpy.int64>"]


TEXTS = {
    "text": ("said", "said"),
    "number": (404, "404"),
    "truth": (True, "True"),
    "nothing": (None, "None"),
    "bytes": (b"op\xff", "op\\xff"),
    "surrogate": ("\ud800", "\\ud800"),
    "list": ([1, "a"], "[1, 'a']"),
    "stranger": (Hostile(), f"<{__name__}.Hostile>"),
    "long": ("x" * 100_000, "x" * 8189 + "..."),
    "long and wide": ("ä" * 100_000, None),
    "long bytes": (b"x" * 100_000, "x" * 8189 + "..."),
    "deep": (nested(1000), None),
}


@pytest.mark.parametrize(("value", "shown"), TEXTS.values(), ids=TEXTS)
def test_any_value_is_text(value, shown):
    result = text(value)
    assert type(result) is str
    assert len(result.encode()) <= 8192
    assert shown is None or result == shown


def test_short_text_passes_unchanged():
    value = "parse avatar images"
    assert text(value) is value
    assert plain(value) is value


def test_a_mapping_is_a_dict_and_anything_else_is_told():
    assert plain_mapping({"id": 1}) == {"id": 1}
    assert plain_mapping(Hostile()) == {"value": f"<{__name__}.Hostile>"}
    assert plain_mapping(None) == {"value": None}


hashable = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(alphabet=st.characters(categories=["Cs"]), max_size=3),
    st.binary(max_size=100),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.datetimes(),
    st.timedeltas(),
    st.fractions(),
    st.complex_numbers(),
    st.just(Colour.RED),
    st.builds(pathlib.PurePosixPath, st.just("a")),
)
anything = st.recursive(
    hashable | st.builds(object) | st.builds(Hostile) | st.builds(ValueError, st.text()),
    lambda below: st.one_of(
        st.lists(below),
        st.tuples(below, below),
        st.dictionaries(hashable, below),
        st.builds(collections.deque, st.lists(below)),
        st.builds(Point, below, below),
        st.sets(hashable),
    ),
    max_leaves=60,
)


@settings(deadline=None)
@given(anything)
def test_anything_at_all_becomes_plain_data(value):
    assert_plain(plain(value))
    assert type(text(value)) is str


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=50),
        lambda below: st.lists(below, max_size=5) | st.dictionaries(st.text(max_size=5), below, max_size=5),
        max_leaves=30,
    )
)
def test_plain_data_is_its_own_plain_form(value):
    if depth_of(value) <= 10 and "\\ud" not in repr(value):
        assert plain(value) == value
