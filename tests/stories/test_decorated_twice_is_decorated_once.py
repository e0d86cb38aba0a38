"""Decorating a function, of whatever kind, a second time changes nothing."""

import asyncio
import contextlib
import functools

from tests.outline import either, outline_of


@either
def test_whatever_its_kind(decorate):
    @decorate
    @decorate
    def plain():
        pass

    @decorate()
    @decorate("other", **({"name": "x"} if decorate.__name__ == "transaction" else {"description": "x"}))
    def with_other_settings():
        pass

    @decorate
    @decorate
    async def coroutine():
        pass

    @decorate
    @decorate
    def generator():
        yield

    @decorate
    @decorate
    class Made:
        pass

    @decorate
    @decorate
    class Annotated:
        left: int = 1

    @decorate
    @contextlib.contextmanager
    @decorate
    def manager():
        yield

    class Shop:
        @decorate
        @staticmethod
        @decorate
        def static():
            pass

        @decorate
        @property
        @decorate
        def value(self):
            return 1

    def run():
        plain()
        with_other_settings()
        asyncio.run(coroutine())
        list(generator())
        Made()
        Annotated()
        with manager():
            pass
        Shop.static()
        assert Shop().value == 1

    names = ["plain", "x", "coroutine", "generator", "Made", "Annotated", "manager", "static", "value"]
    assert outline_of(run) == names


@either
def test_another_decorator_between_hides_nothing(decorate):
    def between(function):
        @functools.wraps(function)
        def wrapper():
            return function()

        return wrapper

    @decorate
    @between
    @decorate
    def work():
        pass

    assert outline_of(work) == ["work"]


@either
def test_a_subclass_of_a_decorated_class_can_be_decorated(decorate):
    @decorate
    class Base:
        def __init__(self):
            pass

    @decorate
    class Heir(Base):
        def __init__(self):
            pass

    assert outline_of(Heir) == ["Heir"]
