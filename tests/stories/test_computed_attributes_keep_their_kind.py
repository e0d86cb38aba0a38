"""The getter of a property and a cached property are recorded, above and below the decorator."""

import functools
import inspect

import pytest

from instrument import span, traced, transaction
from tests.outline import either, outline_of


@either
def test_a_property(decorate):
    class Shop:
        @decorate
        @property
        def above(self):
            """Above."""
            return 1

        @above.setter
        def above(self, value):
            with span("step", "set"):
                pass

        @property
        @decorate
        def below(self):
            """Below."""
            return 2

    def run():
        shop = Shop()
        assert (shop.above, shop.below) == (1, 2)
        shop.above = 3
        with pytest.raises(AttributeError):
            shop.below = 3

    assert outline_of(run) == ["above", "below", "set"]
    assert isinstance(Shop.above, property)
    assert (Shop.above.__doc__, Shop.below.__doc__) == ("Above.", "Below.")


@either
def test_a_cached_property_is_recorded_when_it_is_worked_out(decorate):
    class Shop:
        @decorate
        @functools.cached_property
        def above(self):
            """Above."""
            return 1

        @functools.cached_property
        @decorate
        def below(self):
            return 2

    def run():
        shop = Shop()
        assert (shop.above, shop.below, shop.above, shop.below) == (1, 2, 1, 2)

    assert outline_of(run) == ["above", "below"]
    assert isinstance(inspect.getattr_static(Shop, "above"), functools.cached_property)
    assert Shop.above.__doc__ == "Above."


@pytest.mark.parametrize("decorate", [traced, transaction])
def test_a_property_without_a_getter_is_left_alone(decorate):
    made = decorate(property(None, lambda self, value: None))
    assert made.fget is None
