"""`send`, `throw`, `close`, the return value and `yield from` pass through a decorated generator."""

import sys
import traceback

import pytest

from instrument import span, traced, transaction
from instrument.testing import record
from tests.outline import either, outline_of


@either
def test_send_and_throw(decorate):
    seen = []

    @decorate
    def work():
        seen.append((yield 1))
        try:
            yield 2
        except KeyError as error:
            seen.append(error.args[0])
            with span("step", "handled"):
                pass
        seen.append((yield 3))

    def run():
        made = work()
        assert made.send(None) == 1
        assert made.send("sent") == 2
        assert made.throw(KeyError("thrown")) == 3
        with pytest.raises(StopIteration):
            made.send("last")

    assert outline_of(run) == ["work", "  handled"]
    assert seen == ["sent", "thrown", "last"]


@either
def test_what_is_thrown_and_not_caught_comes_back(decorate):
    error = KeyError("thrown")

    @decorate
    def work():
        yield 1

    def run():
        made = work()
        next(made)
        with pytest.raises(KeyError) as caught:
            made.throw(error)
        assert caught.value is error
        assert "work" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]

    assert outline_of(run) == ["work [internal_error]"]


@either
def test_close_runs_the_finally_clauses(decorate):
    seen = []

    @decorate
    def work():
        try:
            yield 1
        finally:
            with span("step", "cleanup"):
                seen.append("closed")

    def run():
        made = work()
        next(made)
        made.close()
        made.close()
        assert seen == ["closed"]

    assert outline_of(run) == ["work", "  cleanup"]


def close_of(decorate, body):
    """What `close` returns or raises, and what a thrown GeneratorExit does."""
    outcomes = []
    for act in (lambda made: made.close(), lambda made: made.throw(GeneratorExit)):
        made = decorate(body)()
        next(made)
        try:
            outcomes.append(act(made))
        except BaseException as error:
            outcomes.append((type(error), str(error)))
    return outcomes


@either
def test_close_does_whatever_it_did(decorate):
    def ignores():
        try:
            yield 1
        except GeneratorExit:
            yield "again"
            yield "and again"

    def returns():
        try:
            yield 1
        except GeneratorExit:
            return "end"

    def fails():
        try:
            yield 1
        finally:
            raise ValueError("no")

    def plain(function):
        return function

    with record(), transaction("test", "outside"):
        for body in (ignores, returns, fails):
            assert close_of(decorate, body) == close_of(plain, body)
        if sys.version_info >= (3, 13):
            assert close_of(decorate, returns)[0] == "end"


@either
def test_yield_from_in_both_directions(decorate):
    @decorate
    def inner():
        received = yield 1
        with span("step", "inner step"):
            pass
        return received

    @decorate
    def outer():
        result = yield from inner()
        yield result

    def run():
        made = outer()
        assert next(made) == 1
        assert made.send("sent") == "sent"

    names = [line.strip() for line in outline_of(run)]
    assert sorted(names) == ["inner", "inner step", "outer"]


def test_no_exception_is_kept_alive_by_its_own_traceback():
    import gc
    import weakref

    class Problem(Exception):
        pass

    @traced
    def work():
        yield 1

    @transaction
    def job():
        yield 1

    gc.disable()
    try:
        with record(), transaction("test", "outside"):
            for function in (work, job):
                made = function()
                next(made)
                error = Problem()
                gone = weakref.ref(error)
                try:
                    made.throw(error)
                except Problem:
                    pass
                del error
                assert gone() is None
    finally:
        gc.enable()
