"""Values without generated code: what attrs' ones do, and as little surprise."""

import pickle
from typing import ClassVar

import pytest

from instrument._value import Draft, Field, Value, as_dict, evolve, fields, made


class Place(Value):
    kind: ClassVar[str] = "place"
    name: str
    height: float = 0.0
    names: dict = made(dict)


class Town(Place):
    people: int = 0


class Letter(Draft):
    to: str
    lines: list = made(list)


def test_fields_are_given_in_their_order_or_by_name():
    assert Place("Bern", 540.0) == Place(height=540.0, name="Bern")
    assert Town("Bern", people=7).people == 7
    assert list(fields(Town)) == ["name", "height", "names", "people"]


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((), {"height": 1.0}), (("Bern",), {"depth": 1}), (("Bern", 1.0, {}, "more"), {})],
    ids=["nothing", "one is lacking", "an unknown one", "too many"],
)
def test_what_does_not_fit_the_fields_is_a_type_error(values, named):
    with pytest.raises(TypeError, match="Place"):
        Place(*values, **named)


def test_a_default_that_is_made_is_made_for_each():
    assert Place("a").names is not Place("a").names
    assert Letter(to="a").lines is not Letter(to="a").lines


def test_values_compare_and_hash_by_their_fields_and_never_equal_another_kind():
    assert Place("a") == Place("a") != Place("b")
    assert Place("a") != Town("a")
    assert hash(Key("a")) == hash(Key("a"))
    assert len({Key("a"), Key("a"), Key("b")}) == 2


class Key(Value):
    name: str


def test_a_value_never_changes():
    place = Place("a")
    with pytest.raises(AttributeError, match="name of a Place cannot be changed"):
        place.name = "b"
    with pytest.raises(AttributeError, match="cannot be changed"):
        del place.name
    assert evolve(place, name="b") == Place("b")
    assert place == Place("a")


def test_a_draft_changes_and_equals_only_itself():
    letter = Letter(to="a")
    letter.to = "b"
    assert letter.to == "b"
    assert letter != Letter(to="b")


def test_values_print_their_fields():
    assert repr(Town("a")) == "Town(name='a', height=0.0, names={}, people=0)"
    assert repr(Letter(to="a")) == "Letter(to='a', lines=[])"


def test_values_become_mappings_with_the_values_in_them():
    assert as_dict(Place("a", names={"x": 1})) == {"name": "a", "height": 0.0, "names": {"x": 1}}
    assert as_dict(evolve(Letter(to="a"), to=Key("k")))["to"] == {"name": "k"}


def test_values_are_pickled():
    assert pickle.loads(pickle.dumps(Town("a", people=3))) == Town("a", people=3)


def test_a_field_may_know_more():
    class Noted(Field):
        __slots__ = ("note",)

    class Thing(Value):
        size: int = Noted(3)

    assert Thing().size == 3
    assert isinstance(fields(Thing)["size"], Noted)
