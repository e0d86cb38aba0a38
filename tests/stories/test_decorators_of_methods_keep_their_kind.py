"""Static methods, class methods and methods, bound or not, are recorded whichever decorator stands above the other."""

import abc
import inspect
import pickle

import pytest

from instrument import traced, transaction
from instrument.testing import record
from tests.outline import either, outline_of


class Shop:
    @traced
    @staticmethod
    def above_static(value):
        return value

    @staticmethod
    @traced
    def below_static(value):
        return value

    @transaction
    @classmethod
    def above_class(cls, value):
        return cls, value

    @classmethod
    @transaction
    def below_class(cls, value):
        return cls, value

    @traced
    def method(self, value):
        return self, value


class Branch(Shop):
    pass


@either
def test_in_either_order(decorate):
    class Local:
        @decorate
        @staticmethod
        def above_static(value):
            return value

        @staticmethod
        @decorate
        def below_static(value):
            return value

        @decorate
        @classmethod
        def above_class(cls, value):
            return cls, value

        @classmethod
        @decorate
        def below_class(cls, value):
            return cls, value

        @decorate
        def method(self, value):
            return self, value

    class Heir(Local):
        pass

    def run():
        assert Local.above_static(1) == Local.below_static(1) == Heir().above_static(1) == 1
        assert Heir.above_class(1) == Heir().below_class(1) == (Heir, 1)
        heir = Heir()
        assert heir.method(1) == (heir, 1)

    names = ["above_static", "below_static", "above_static", "above_class", "below_class", "method"]
    assert outline_of(run) == names


def test_they_are_found_where_they_were():
    assert isinstance(vars(Shop)["above_static"], staticmethod)
    assert isinstance(vars(Shop)["above_class"], classmethod)
    assert inspect.isfunction(Shop.method)
    for function in (Shop.above_static, Shop.below_static, Shop.method):
        assert pickle.loads(pickle.dumps(function)) is function
    assert pickle.loads(pickle.dumps(Shop.above_class)) == Shop.above_class
    assert str(inspect.signature(Branch().above_class)) == "(value)"


@either
def test_a_bound_method_stays_bound(decorate):
    shop = Branch()
    bound = decorate(shop.method)
    assert inspect.ismethod(bound)
    assert bound.__self__ is shop

    def run():
        assert bound(2) == (shop, 2)

    assert outline_of(run)[0] == "method"


@either
def test_a_decorator_may_hide_them_in_async_and_generator_form(decorate):
    class Local:
        @decorate
        @classmethod
        async def coroutine(cls):
            return cls

        @decorate
        @staticmethod
        def generator():
            yield 1

    assert inspect.iscoroutinefunction(Local.coroutine)
    assert inspect.isgeneratorfunction(Local.generator)


@either
def test_abstract_methods_stay_abstract_and_overriding_replaces_them(decorate):
    class Base(abc.ABC):
        @decorate
        @abc.abstractmethod
        def below(self):
            return "base"

        @abc.abstractmethod
        @decorate
        def above(self):
            return "base"

        @decorate
        def both(self):
            return "base"

    class Heir(Base):
        def below(self):
            return super().below()

        def above(self):
            return "heir"

        @decorate
        def both(self):
            return super().both()

    def run():
        assert Heir().below() == "base"
        assert Heir().above() == "heir"
        assert Heir().both() == "base"

    with record(), pytest.raises(TypeError, match="abstract"):
        Base()
    assert Base.__abstractmethods__ == {"above", "below"}
    outlined = outline_of(run)
    assert outlined[0] == "below"
    assert [line.strip() for line in outlined] == ["below", "both", "both"]
