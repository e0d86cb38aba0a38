"""A generator is recorded from its first advance to its end, and stays one."""

import inspect
import pickle
import types

import pytest

from instrument import span, traced, transaction
from instrument.testing import record
from tests.outline import data_of, either, outline, outline_of


@traced
def numbers(count: int = 2):
    """Numbers."""
    yield from range(count)


@transaction
def job(count: int = 2):
    """Numbers."""
    yield from range(count)


@either
def test_what_the_consumer_opens_between_items_is_the_consumers(decorate):
    @decorate
    def work():
        for number in range(2):
            with span("step", f"inner {number}"):
                yield number

    def run():
        for number in work():
            with span("step", f"outer {number}"):
                pass

    assert outline_of(run) == ["work", "  inner 0", "  inner 1", "outer 0", "outer 1"]


@either
def test_the_span_starts_at_the_first_advance(decorate):
    @decorate
    def work():
        yield

    def run():
        made = work()
        with span("step", "before"):
            pass
        list(made)
        work()

    assert outline_of(run) == ["before", "work"]


@either
def test_the_return_value_passes(decorate):
    @decorate
    def work():
        yield 1
        return "end"

    def outer(kept):
        kept.append((yield from work()))

    def run():
        kept = []
        assert list(outer(kept)) == [1]
        assert kept == ["end"]

    assert outline_of(run) == ["work"]


@either
def test_an_error_in_the_body_passes_and_marks_the_span(decorate):
    @decorate
    def work():
        yield 1
        raise ValueError("no")

    def run():
        made = work()
        assert next(made) == 1
        with pytest.raises(ValueError, match="no"):
            next(made)
        assert list(made) == []

    assert outline_of(run) == ["work [internal_error]"]


@either
def test_running_and_suspended_time_are_told_apart(decorate):
    @decorate
    def work():
        yield 1
        yield 2

    with record(deterministic=True) as recorded:
        with transaction("test", "outside"):
            for _ in work():
                for _ in range(100):
                    with span("step", "slow consumer"):
                        pass
        unit = [item for item in recorded.transactions if item.name.endswith("work")]
        unit += [one for one in recorded.spans if one.description.endswith("work")]
        active = data_of(recorded, "work")["active_seconds"]
        end, start = (
            (unit[0].end, unit[0].time) if decorate is transaction else (unit[0].end_ticks, unit[0].start_ticks)
        )
        assert 0 < active < (end - start) / 1e9 / 2


@either
def test_outside_a_transaction_and_unsampled_it_just_runs(decorate):
    @decorate
    def work():
        with span("step", "inner"):
            yield 1
        return 2

    with record(traces_sample_rate=0.0) as recorded:
        made = work()
        assert next(made) == 1
        with pytest.raises(StopIteration) as stop:
            next(made)
        assert stop.value.value == 2
        with transaction("test", "outside"):
            assert list(work()) == [1]
        assert outline(recorded) == []


@pytest.mark.parametrize("function", [numbers, job])
def test_it_looks_and_pickles_like_the_original(function):
    assert inspect.isgeneratorfunction(function)
    assert isinstance(function(), types.GeneratorType)
    assert function().__name__ == function.__name__
    assert str(inspect.signature(function)) == "(count: int = 2)"
    assert function.__doc__ == "Numbers."
    assert pickle.loads(pickle.dumps(function)) is function


@either
def test_a_generator_that_can_be_awaited_stays_one(decorate):
    @decorate
    @types.coroutine
    def work():
        with span("step", "inner"):
            yield
        return 7

    async def run():
        assert await work() == 7

    assert outline_of(run) == ["work", "  inner"]
