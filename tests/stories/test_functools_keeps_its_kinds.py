"""Cached functions, partials and partial methods are recorded and keep what they can do."""

import functools
import inspect
import pickle

import pytest

from instrument import span, traced
from tests.outline import either, outline_of


@traced
@functools.lru_cache
def above(value):
    """Above."""
    return value


@functools.lru_cache
@traced
def below(value):
    return value


@either
def test_a_cached_function(decorate):
    @decorate
    @functools.lru_cache(maxsize=8)
    def outer(value):
        with span("step", "computed"):
            return value

    @functools.lru_cache
    @decorate
    def inner(value):
        return value

    def run():
        assert outer(1) == outer(1) == 1
        assert inner(1) == inner(1) == 1

    assert outline_of(run) == ["outer", "  computed", "outer", "inner"]
    assert outer.cache_info().hits == 1
    assert outer.cache_parameters()["maxsize"] == 8
    outer.cache_clear()
    assert outer.__wrapped__(3) == 3


@pytest.mark.parametrize("function", [above, below])
def test_a_cached_function_looks_and_pickles_like_the_original(function):
    assert pickle.loads(pickle.dumps(function)) is function
    assert str(inspect.signature(function)) == "(value)"
    assert function.__name__ in ("above", "below")
    assert function.__module__ == __name__


@either
def test_a_cached_method(decorate):
    class Shop:
        @decorate
        @functools.lru_cache  # noqa: B019  # the cache is what is tested
        def price(self, value):
            return self, value

    shop = Shop()

    def run():
        assert shop.price(1) == shop.price(1) == (shop, 1)

    assert outline_of(run) == ["price", "price"]


@either
def test_a_partial(decorate):
    def work(left, right):
        return left, right

    above = decorate(functools.partial(work, 1, right=2))
    below = functools.partial(decorate(work), 1)

    def run():
        assert above() == below(2) == (1, 2)

    assert outline_of(run) == ["work", "work"]
    assert isinstance(above, functools.partial)
    assert (above.args, above.keywords) == ((1,), {"right": 2})


@either
def test_a_partial_of_a_class_leaves_the_class_alone(decorate):
    class Made:
        def __init__(self, value):
            self.value = value

    make = decorate(functools.partial(Made, 1))

    def run():
        assert make().value == 1
        Made(2)

    assert outline_of(run) == ["Made"]
    assert isinstance(make, functools.partial)


@either
def test_a_partial_of_an_async_function_is_still_one(decorate):
    async def work(value):
        with span("step", "inner"):
            return value

    partial = decorate(functools.partial(work, 1))
    assert inspect.iscoroutinefunction(partial)

    async def run():
        assert await partial() == 1

    assert outline_of(run) == ["work", "  inner"]


@either
def test_a_partial_method(decorate):
    class Shop:
        def price(self, currency, value):
            return currency, value

        above = decorate(functools.partialmethod(price, "eur"))
        below = functools.partialmethod(decorate(price), "usd")

    def run():
        assert Shop().above(1) == ("eur", 1)
        assert Shop().below(2) == ("usd", 2)

    assert outline_of(run) == ["price", "price"]


@either
def test_a_single_dispatch_function(decorate):
    @decorate
    @functools.singledispatch
    def work(value):
        return "any"

    @work.register
    def _(value: int):
        return "int"

    def run():
        assert (work("x"), work(1)) == ("any", "int")

    assert outline_of(run) == ["work", "work"]
