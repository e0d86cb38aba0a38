"""A plain function that returns a generator is recorded until that is exhausted or closed."""

import types

import pytest

from instrument import span, transaction
from instrument.testing import record
from tests.outline import data_of, either, outline, outline_of


def numbers(count=2):
    for number in range(count):
        with span("step", f"inner {number}"):
            yield number
    return "end"


async def async_numbers(count=2):
    for number in range(count):
        with span("step", f"inner {number}"):
            yield number


@either
def test_a_generator(decorate):
    @decorate
    def work():
        return numbers()

    def run():
        made = work()
        assert isinstance(made, types.GeneratorType)
        assert made.__name__ == "numbers"
        for number in made:
            with span("step", f"outer {number}"):
                pass

    assert outline_of(run) == ["work", "  inner 0", "  inner 1", "outer 0", "outer 1"]


@either
def test_an_async_generator(decorate):
    @decorate
    def work():
        return async_numbers()

    async def run():
        made = work()
        assert isinstance(made, types.AsyncGeneratorType)
        async for number in made:
            with span("step", f"outer {number}"):
                pass

    assert outline_of(run) == ["work", "  inner 0", "  inner 1", "outer 0", "outer 1"]


@either
def test_the_return_value_passes(decorate):
    @decorate
    def work():
        return numbers(0)

    def run():
        with pytest.raises(StopIteration) as stop:
            next(work())
        assert stop.value.value == "end"

    assert outline_of(run) == ["work"]


@either
@pytest.mark.parametrize("begun", [True, False])
def test_one_that_is_closed_or_dropped_ends_abandoned(decorate, begun):
    @decorate
    def work():
        return numbers()

    with record() as recorded:
        with transaction("test", "outside"):
            made = work()
            if begun:
                next(made)
            made.close()
            del made
        assert outline(recorded) == (["work", "  inner 0"] if begun else ["work"])
        assert data_of(recorded, "work")["abandoned"] is True
