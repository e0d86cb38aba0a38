"""An object with `__call__`, or a C function, is recorded when it is called, and is itself in everything else."""

import inspect
import operator
import pickle

import pytest

from instrument import span, traced, transaction
from tests.outline import either, outline_of


class Greeter:
    """Greets."""

    def __init__(self, word):
        self.word = word
        self.calls = 0

    def __call__(self, name="you"):
        self.calls += 1
        with span("step", "inner"):
            return f"{self.word} {name}"

    def __len__(self):
        return len(self.word)

    def __eq__(self, other):
        return isinstance(other, Greeter) and self.word == other.word


@either
def test_an_object_with_call(decorate):
    greet = decorate(Greeter("hello"))

    def run():
        assert greet("you") == "hello you"

    assert outline_of(run) == ["Greeter", "  inner"]
    assert isinstance(greet, Greeter)
    assert callable(greet)
    assert (greet.word, greet.calls, len(greet)) == ("hello", 1, 5)
    assert str(inspect.signature(greet)) == "(name='you')"
    assert pickle.loads(pickle.dumps(greet)) == Greeter("hello")


@either
def test_its_call_may_be_decorated_instead(decorate):
    class Local:
        @decorate
        def __call__(self):
            return 1

    def run():
        assert Local()() == 1

    assert outline_of(run) == ["__call__"]


@either
def test_one_whose_call_is_async(decorate):
    class Local:
        async def __call__(self):
            with span("step", "inner"):
                return 1

    call = decorate(Local())

    async def run():
        assert await call() == 1

    assert outline_of(run) == ["Local", "  inner"]


@either
def test_a_function_in_c(decorate):
    multiply = decorate(operator.mul)

    def run():
        assert multiply(2, 3) == 6

    assert outline_of(run) == ["mul"]
    assert inspect.isbuiltin(multiply)


@either
def test_what_cannot_be_called_is_refused_at_once(decorate):
    with pytest.raises(TypeError, match="only callables can be decorated, not int"):
        decorate("op")(1)
    with pytest.raises(TypeError):
        decorate(int)


def test_both_decorators_may_be_used_on_one_function():
    @transaction
    @traced
    def work():
        return 1

    def run():
        assert work() == 1

    assert outline_of(run) == ["work", "  work"]
