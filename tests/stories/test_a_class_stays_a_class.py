"""A decorated class stays a class; making an instance is recorded."""

import abc
import copy
import dataclasses
import inspect
import pickle
from collections import namedtuple

import attrs
import pytest

from instrument import span, traced, transaction
from instrument.testing import record
from tests.outline import either, outline, outline_of


@traced
class Order:
    """An order."""

    kind = "order"

    def __init__(self, number: int, *, urgent: bool = False):
        self.number = number

    def __eq__(self, other):
        return vars(self) == vars(other)


@transaction
class Job(Order):
    """A job."""


@either
def test_its_construction_is_a_span_and_what_it_opens_is_below(decorate):
    @decorate
    class Made:
        def __init__(self, value):
            with span("step", "inner"):
                self.value = value

        def method(self):
            return self.value

    def run():
        assert Made(3).method() == 3

    assert outline_of(run) == ["Made", "  inner"]


@pytest.mark.parametrize("kind", [Order, Job])
def test_it_is_still_itself(kind):
    assert isinstance(kind, type)
    assert isinstance(kind(1), kind)
    assert type(kind(1)) is kind
    assert issubclass(kind, Order)
    assert kind.kind == "order"
    assert str(inspect.signature(kind)) == "(number: int, *, urgent: bool = False)"
    assert (kind.__name__, kind.__module__) == (kind.__qualname__, __name__)
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert pickle.loads(pickle.dumps(kind(2))) == kind(2)
    assert copy.deepcopy(kind(2)) == kind(2)


def test_a_subclass_records_its_own_name_only_when_it_is_decorated():
    @traced
    class Base:
        def __init__(self):
            with span("step", "base"):
                pass

    class Plain(Base):
        pass

    @traced
    class Decorated(Base):
        def __init__(self):
            super().__init__()

    @traced
    class Inheriting(Base):
        pass

    def run():
        assert isinstance(Plain(), Base)
        Decorated()
        Inheriting()

    assert outline_of(run) == ["Base", "  base", "Decorated", "  Base", "    base", "Inheriting", "  Base", "    base"]


def test_where_it_inherits_from_several_all_are_made():
    made = []

    class Root:
        def __init__(self):
            made.append("root")

    @traced
    class Left(Root):
        pass

    class Right(Root):
        def __init__(self):
            made.append("right")
            super().__init__()

    class Both(Left, Right):
        pass

    Both()
    assert made == ["right", "root"]


@either
def test_classes_without_an_init_take_the_arguments_they_took(decorate):
    @decorate
    class Nothing:
        pass

    @decorate
    class Pair(namedtuple("Pair", "left right")):
        pass

    @decorate
    class Number(int):
        pass

    @decorate
    class Problem(Exception):
        pass

    @decorate
    class Single:
        def __new__(cls, *args):
            with span("step", "new"):
                return super().__new__(cls)

    def run():
        Nothing()
        assert Pair(1, right=2) == (1, 2)
        assert Number("7") == 7
        assert Problem("a", 1).args == ("a", 1)
        assert isinstance(Single(), Single)
        with pytest.raises(TypeError, match="takes no arguments"):
            Nothing(1)

    assert outline_of(run) == ["Nothing", "Pair", "Number", "Problem", "Single", "  new", "Nothing [internal_error]"]
    assert str(inspect.signature(Nothing)) == "()"


@either
@pytest.mark.parametrize("slots", [False, True])
def test_dataclasses_may_stand_above_or_below(decorate, slots):
    @decorate
    @dataclasses.dataclass(slots=slots)
    class Below:
        left: int
        right: int = 2

    @dataclasses.dataclass(slots=slots)
    @decorate
    class Above:
        left: int
        right: list = dataclasses.field(default_factory=list)

        def __post_init__(self):
            with span("step", "inner"):
                pass

    @attrs.define
    @decorate
    class Attrs:
        left: int

    def run():
        assert Below(1) == Below(left=1)
        assert Above(1).right == []
        assert Attrs(1).left == 1
        with pytest.raises(TypeError):
            Above()

    assert outline_of(run) == ["Below", "Below", "Above", "  inner", "Attrs", "Above [internal_error]"]
    assert list(inspect.signature(Above).parameters) == list(inspect.signature(Below).parameters) == ["left", "right"]


@either
def test_an_abstract_class_stays_abstract(decorate):
    @decorate
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self):
            """Its area."""

    class Square(Shape):
        def area(self):
            return 1

    with record(), pytest.raises(TypeError, match="abstract"):
        Shape()
    assert Square().area() == 1
    assert inspect.isabstract(Shape)


def test_arguments_can_be_captured():
    @traced(capture=("number",), description=lambda number, **_: f"thing {number}")
    class Thing:
        def __init__(self, number):
            pass

    with record() as recorded:
        with transaction("test", "outside"):
            Thing(4)
        assert outline(recorded) == ["thing 4"]
        assert recorded.spans[0].data == {"arg.number": 4}
