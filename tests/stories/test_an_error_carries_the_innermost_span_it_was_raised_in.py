"""An exception captured anywhere up the stack carries the trace context of the innermost span it was raised in."""

# ruff: noqa: SIM117  # A block inside another one is what is tested.

import asyncio
import builtins
import concurrent.futures
import copy
import multiprocessing
import pickle
import sys
import threading

import pytest

from instrument import capture_exception, get_current_span, isolated_scope, span, start_transaction, traced, transaction
from instrument.testing import record

needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="needs Python 3.11")


def place_of(recorded, number=-1):
    """The name of the span or transaction that an error carries, and its trace."""
    error = recorded.errors[number]
    names = {item.span_id: item.name for item in recorded.transactions}
    names.update({one.span_id: one.description for one in recorded.spans})
    return str(names.get(error.span_id)).rpartition(".")[2], error.trace_id


def raising(error):
    raise error


@pytest.mark.parametrize("kind", ["block", "function", "generator", "coroutine", "async generator", "start_child"])
def test_wherever_it_is_captured(kind):
    @traced
    def function():
        raise ValueError

    @traced
    def generator():
        yield 1
        raise ValueError

    @traced
    async def coroutine():
        raise ValueError

    @traced
    async def async_generator():
        yield 1
        raise ValueError

    def block():
        with span("step", "block"):
            raise ValueError

    def start_child(outside):
        with outside.start_child("step", "start_child"):
            raise ValueError

    async def consume():
        async for _ in async_generator():
            pass

    with record() as recorded:
        try:
            with transaction("test", "outside") as outside, span("step", "between"):
                if kind == "block":
                    block()
                elif kind == "function":
                    function()
                elif kind == "generator":
                    list(generator())
                elif kind == "coroutine":
                    asyncio.run(coroutine())
                elif kind == "async generator":
                    asyncio.run(consume())
                else:
                    start_child(outside)
        except ValueError:
            capture_exception()
        assert place_of(recorded) == (kind.replace(" ", "_"), recorded.transactions[0].trace_id)


def test_the_innermost_transaction_counts_too():
    with record() as recorded:
        try:
            with transaction("test", "outer"), transaction("test", "inner") as inner:
                raising(ValueError())
        except ValueError:
            capture_exception()
        assert place_of(recorded) == ("inner", inner.trace_id)


def test_captured_where_it_was_raised_it_is_the_current_span():
    with record() as recorded:
        with transaction("test", "outside"), span("step", "here"):
            try:
                with span("step", "deeper"):
                    pass
                raise ValueError
            except ValueError:
                capture_exception()
        assert place_of(recorded)[0] == "here"


def test_captured_twice_it_is_one_event():
    with record() as recorded:
        try:
            with transaction("test", "outside"):
                try:
                    with span("step", "inner"):
                        raising(ValueError("no"))
                except ValueError as error:
                    first = capture_exception(error)
                    raise
        except ValueError as error:
            assert capture_exception() == capture_exception(error) == first
        assert len(recorded.errors) == 1
        assert place_of(recorded)[0] == "inner"
        assert recorded.stats().balanced


def test_another_exception_of_the_same_kind_is_another_event():
    with record() as recorded, transaction("test", "outside"):
        for _ in range(2):
            try:
                raise ValueError("no")
            except ValueError:
                capture_exception()
        assert len(recorded.errors) == 2


def test_one_that_is_raised_again_elsewhere_carries_where_that_was():
    """As a module may have an exception that it raises again and again."""
    shared = KeyError("shared")
    with record() as recorded:
        places = []
        for number in range(3):
            with isolated_scope():
                try:
                    with transaction("test", "outside") as outside, span("step", f"span {number}"):
                        raise shared
                except KeyError:
                    capture_exception()
            places.append((f"span {number}", outside.trace_id))
        assert [place_of(recorded, number) for number in range(3)] == places


def test_one_that_is_raised_again_is_captured_again_also_within_its_span():
    shared = KeyError("shared")
    with record() as recorded:
        for number in range(2):
            with isolated_scope(), transaction("test", "outside"), span("step", f"span {number}"):
                try:
                    raise shared
                except KeyError:
                    capture_exception()
        assert [place_of(recorded, number)[0] for number in range(2)] == ["span 0", "span 1"]


def test_a_copy_is_an_exception_of_its_own():
    with record() as recorded:
        error = ValueError("no")
        with pytest.raises(ValueError), transaction("test", "outside"), span("step", "inner"):
            raise error
        twin = copy.copy(error)
        capture_exception(error)
        capture_exception(twin)
        assert [place_of(recorded, number)[0] for number in range(2)] == ["inner", "None"]


def test_the_one_that_is_chained_is_its_own():
    with record() as recorded:
        try:
            with transaction("test", "outside"):
                try:
                    with span("step", "cause"):
                        raise ValueError("cause")
                except ValueError as error:
                    with span("step", "effect"):
                        raise KeyError("effect") from error
        except KeyError:
            capture_exception()
        assert place_of(recorded)[0] == "effect"
        assert [value["type"] for value in recorded.errors[0].exceptions] == ["ValueError", "KeyError"]


@needs_groups
def test_groups_keep_their_parts():
    async def fails(number):
        with span("step", f"part {number}"):
            await asyncio.sleep(0)
            raise ValueError(f"part {number}")

    async def run():
        with transaction("test", "outside"), span("step", "group"):
            async with asyncio.TaskGroup() as group:
                group.create_task(fails(1))
                group.create_task(fails(2))

    with record() as recorded:
        with pytest.raises(builtins.ExceptionGroup) as caught:
            asyncio.run(run())
        capture_exception(caught.value)
        capture_exception(caught.value.exceptions[0])
        capture_exception(caught.value)
        assert [place_of(recorded, number)[0] for number in range(2)] == ["group", "part 1"]
        assert len(recorded.errors) == 2
        values = [value["value"] for value in recorded.errors[0].exceptions]
        assert {"part 1", "part 2"} <= set(values)


def test_across_threads():
    with record() as recorded:
        with transaction("test", "outside"), span("step", "caller"):
            with concurrent.futures.ThreadPoolExecutor(1) as pool:

                def work(parent):
                    with parent.start_child("step", "in the thread"):
                        raising(ValueError("no"))

                future = pool.submit(work, get_current_span())
                try:
                    future.result(30)
                except ValueError:
                    capture_exception()
        assert place_of(recorded)[0] == "in the thread"


class Particular(Exception):
    """An exception with a constructor of its own, as pickle likes least."""

    def __init__(self, code, *, detail=None):
        super().__init__(code)
        self.code, self.detail = code, detail


def failing_elsewhere(detail):
    with transaction("test", "elsewhere"), span("step", "deep"):
        raise Particular(7, detail=detail)


def test_copied_and_pickled_it_is_what_it_was():
    with record() as recorded:
        try:
            with transaction("test", "outside"), span("step", "inner"):
                raise Particular(7, detail="why")
        except Particular as error:
            for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
                assert (type(twin), twin.args, twin.code, twin.detail) == (Particular, (7,), 7, "why")
                try:
                    with transaction("test", "again"), span("step", "twin"):
                        raise twin from None
                except Particular:
                    capture_exception()
                assert place_of(recorded)[0] == "twin"
            capture_exception(error)
        assert place_of(recorded)[0] == "inner"
        assert len(recorded.errors) == 3


def test_out_of_another_process():
    with record() as recorded, transaction("test", "outside"), span("step", "here"):
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            with pytest.raises(Particular) as caught:
                pool.submit(failing_elsewhere, "why").result(60)
        assert (caught.value.code, caught.value.detail) == (7, "why")
        assert capture_exception(caught.value) is not None
        assert len(recorded.errors) == 1


def test_one_that_takes_no_attributes_is_captured_all_the_same():
    class Frozen(Exception):
        def __setattr__(self, name, value):
            raise TypeError("frozen")

        def __getattribute__(self, name):
            if name == "__dict__":
                raise TypeError("closed")
            return super().__getattribute__(name)

    with record() as recorded:
        try:
            with transaction("test", "outside"), span("step", "inner"):
                raise Frozen
        except Frozen:
            capture_exception()
        assert place_of(recorded)[0] == "inner"


def test_control_flow_is_no_error():
    def ends(error):
        with pytest.raises(type(error)), span("step", "block"):
            raise error

    with record() as recorded:
        with transaction("test", "outside"):
            for error in (StopIteration(), StopAsyncIteration(), GeneratorExit(), SystemExit(0), SystemExit()):
                ends(error)
            ends(SystemExit(1))
        assert [one.status for one in recorded.spans] == [None] * 5 + ["internal_error"]


def test_many_threads_raise_one_exception():
    """No crash and no mix-up of events within a thread that starts its own span."""
    shared = KeyError("shared")
    failures = []

    def work(number):
        try:
            for _ in range(50):
                with isolated_scope(), transaction("test", f"thread {number}"):
                    with pytest.raises(KeyError), span("step", "inner"):
                        raise shared
                    capture_exception(shared)
        except BaseException as error:
            failures.append(error)

    with record() as recorded:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert recorded.stats().balanced


def test_a_transaction_that_nobody_holds_current_has_no_part_in_it():
    with record() as recorded:
        start_transaction("test", "aside")
        try:
            raise ValueError
        except ValueError:
            capture_exception()
        assert place_of(recorded)[0] == "None"
