"""A plain function is recorded as a span, or as a transaction, and stays what it was."""

import inspect
import pickle

import pytest

from instrument import span, traced, transaction
from instrument.testing import record
from tests.outline import either, outline, outline_of


@traced
def add(left: int, right: int = 2) -> int:
    """The sum."""
    return left + right


@transaction
def job(left: int, right: int = 2) -> int:
    """The sum."""
    return left + right


@either
def test_what_it_opens_is_below_it(decorate):
    @decorate
    def work():
        with span("step", "inner"):
            return 7

    def run():
        assert work() == 7
        with span("step", "after"):
            pass

    assert outline_of(run) == ["work", "  inner", "after"]


@either
def test_an_exception_passes_unchanged_and_marks_the_span(decorate):
    error = ValueError("no")

    @decorate
    def work():
        raise error

    def run():
        with pytest.raises(ValueError) as caught:
            work()
        assert caught.value is error

    assert outline_of(run) == ["work [internal_error]"]


def test_outside_a_transaction_a_traced_function_just_runs():
    with record() as recorded:
        assert add(1) == 3
        assert recorded.transactions == []
        assert job(1) == 3
        assert outline(recorded) == ["job"]


@pytest.mark.parametrize("function", [add, job])
def test_it_looks_and_pickles_like_the_original(function):
    assert str(inspect.signature(function)) == "(left: int, right: int = 2) -> int"
    assert function.__doc__ == "The sum."
    assert function.__module__ == __name__
    assert function.__qualname__ == function.__name__ == function.__wrapped__.__name__
    assert function.__annotations__ == {"left": int, "right": int, "return": int}
    assert inspect.isfunction(function)
    assert not inspect.iscoroutinefunction(function)
    assert not inspect.isgeneratorfunction(function)
    assert pickle.loads(pickle.dumps(function)) is function


@either
def test_wrong_arguments_raise_what_they_always_raised(decorate):
    @decorate
    def work(one):
        pass

    with record(), transaction("test", "outside"), pytest.raises(TypeError, match="missing 1 required positional"):
        work()


def test_what_depends_on_the_call_is_recorded():
    @traced(op="task", description=lambda item, **_: f"item {item}", capture=("item", "size"), data={"fixed": 1})
    def work(item, size=3):
        pass

    with record() as recorded:
        with transaction("test", "outside"):
            work(5)
        (made,) = recorded.spans
        assert (made.op, made.description) == ("task", "item 5")
        assert made.data == {"fixed": 1, "arg.item": 5, "arg.size": 3}
