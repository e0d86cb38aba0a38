"""JSON bytes from plain data, and from anything else, without ever raising."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.wire.json import encode


def tell(*args):
    raise SystemExit


class Hostile:
    """Its `repr` is left alone: the test tools want to show it when something fails."""

    __str__ = __eq__ = __hash__ = __getattribute__ = __len__ = __iter__ = tell


def decoded(data):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(encode(data), parse_constant=refuse)


def test_plain_data_is_compact_and_on_one_line():
    assert encode({"a": [1, 2.5, True, None, "ä\n"]}) == '{"a":[1,2.5,true,null,"ä\\n"]}'.encode()


def test_what_is_not_json_is_shown_as_plain_data():
    assert decoded({"a": "\ud800"}) == {"a": "\\ud800"}
    assert decoded({None: 1, (1, 2): 2}) == {"None": 1, "[1, 2]": 2}
    for shape in (lambda it: it, lambda it: [it], lambda it: {"a": it}, lambda it: {"a": [it, {"b": it}]}):
        assert decoded(shape(Hostile())) == shape(f"<{__name__}.Hostile>")
    assert decoded({"a": 10**5000})["a"] == "<int, 16610 bits>"


def test_nan_never_gets_out():
    assert b"NaN" not in encode([float("nan"), float("inf"), {"a": float("-inf")}])
    assert b"Infinity" not in encode([float("nan"), float("inf"), Hostile()])


def test_one_bad_value_does_not_cost_the_large_rest():
    data = {"spans": [{"n": n} for n in range(1000)], "bad": "\udfff"}
    assert decoded(data) == {"spans": data["spans"], "bad": "\\udfff"}


def test_structs_survive_a_bad_neighbour():
    class Row(msgspec.Struct, omit_defaults=True):
        name: str
        data: dict | None = None

    assert decoded({"rows": [Row("a"), Row("b", {"x": "\ud800"})]}) == {
        "rows": [{"name": "a"}, {"name": "b", "data": {"x": "\\ud800"}}]
    }


def test_circles_and_billion_laughs_end():
    loop = []
    loop.append(loop)
    assert decoded(loop)[0].startswith("<cycle")
    laughs = ["ha"]
    for _ in range(40):
        laughs = [laughs, laughs]
    assert len(encode([Hostile(), {"deep": None}])) < 200
    deep = {}
    for _ in range(100_000):
        deep = {"below": deep}
    assert decoded(deep)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.text(st.characters(categories=["Cs"]), max_size=3)
    | st.binary(max_size=20)
    | st.builds(Hostile),
    lambda below: st.lists(below) | st.dictionaries(st.text() | st.integers() | st.none() | st.floats(), below),
    max_leaves=40,
)


@settings(deadline=None)
@given(anything)
def test_anything_becomes_strict_json_on_one_line(data):
    encoded = encode(data)
    assert b"\n" not in encoded
    decoded(data)
