"""A span may be opened in `__del__`, also while the cyclic collector runs, and in a weakref callback."""

import gc
import os
import subprocess
import sys
import weakref

import pytest

from instrument import get_current_scope, get_current_span, span, start_transaction, traced, transaction
from instrument.testing import record
from tests.outline import outline

PROGRAM = """
import contextlib, contextvars, gc, sys
import instrument
from instrument import get_current_span, get_current_scope, isolated_scope, span, suppress, traced, transaction
from instrument.exporters import Memory

@traced
def work():
    pass

@traced
def numbers():
    with span("step", "held"):
        yield 1

def plain_numbers():
    with span("step", "held"):
        yield 1

class Finalized:
    def __init__(self):
        self.cycle = self
        self.items = plain_numbers()
        next(self.items)

    def __del__(self):
        with span("step", "finalizer"):
            with span("step", "deeper"):
                work()
        list(numbers())
        list(plain_numbers())
        with suppress():
            work()
        with isolated_scope():
            work()
        with transaction("test", "of a finalizer"):
            work()
        finished = get_current_span().start_child("step", "child")
        finished.finish()

instrument.init(exporter=Memory(), default_integrations=False, max_spans=1_000_000)
variables = [contextvars.ContextVar(f"variable {number}") for number in range(41)]
gc.disable()
with transaction("test", "outside") as outside:
    for number in range(2500):
        Finalized()
        value, variable = float(number), variables[number % 41]
        gc.set_threshold(gc.get_count()[0] + number % 9)
        gc.enable()
        variable.set(value)
        gc.disable()
    gc.collect()
    assert get_current_span() is outside
assert get_current_span() is None
stats = instrument.stats()
assert stats.balanced, stats
assert (stats.spans.open, stats.transactions.open) == (0, 0), stats
print(stats.transactions.delivered, stats.spans.delivered)
"""


def test_while_the_collector_runs_inside_a_context_variable():
    """CPython up to 3.11 ends by SIGSEGV when something is made current there."""
    environment = {**os.environ, "PYTHONMALLOC": "debug", "PYTHONFAULTHANDLER": "", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    transactions, spans = map(int, done.stdout.split())
    assert transactions == 2501
    assert spans >= 2500 * 10


class Finalized:
    def __init__(self, act):
        self.act = act

    def __del__(self):
        self.act()


def inner():
    with span("step", "finalizer"), span("step", "deeper"):
        pass


def test_when_the_last_reference_goes():
    with record() as recorded:
        with transaction("test", "outside"):
            kept = Finalized(inner)
            with span("step", "block"):
                del kept
            with span("step", "after"):
                pass
        assert outline(recorded) == ["block", "  finalizer", "    deeper", "after"]


def test_when_the_collector_finds_it():
    with record() as recorded:
        with transaction("test", "outside") as outside:
            kept = Finalized(inner)
            kept.cycle = kept
            with span("step", "block"):
                del kept
                gc.collect()
            assert get_current_span() is outside
        assert outline(recorded) == ["block", "  finalizer", "    deeper"]


def test_a_transaction_on_the_scope_that_a_finalizer_finishes_is_current_no_longer():
    with record() as recorded:
        made = start_transaction("test", "placed")
        get_current_scope().set_span(made)
        kept = Finalized(made.finish)
        kept.cycle = kept
        del kept, made
        gc.collect()
        assert get_current_span() is None
        with span("step", "nowhere"):
            pass
        assert outline(recorded) == ["placed"]


def test_a_block_that_a_finalizer_leaves_is_current_no_longer():
    with record() as recorded:
        with transaction("test", "outside") as outside:
            block = span("step", "block")
            block.__enter__()
            kept = Finalized(lambda block=block: block.__exit__(None, None, None))
            kept.cycle = kept
            del kept, block
            gc.collect()
            assert get_current_span() is outside
            with span("step", "after"):
                pass
        assert outline(recorded) == ["block", "after"]


def test_in_a_weakref_callback():
    class Thing:
        pass

    with record() as recorded:
        with transaction("test", "outside"):
            thing = Thing()
            callback = weakref.ref(thing, lambda _: inner())
            with span("step", "block"):
                del thing
            assert callback() is None
            thing = Thing()
            thing.cycle = thing
            callback = weakref.ref(thing, lambda _: inner())
            del thing
            gc.collect()
            assert callback() is None
        assert outline(recorded) == ["block", "  finalizer", "    deeper", "finalizer", "  deeper"]


@pytest.mark.parametrize("decorate", [traced, transaction], ids=["traced", "transaction"])
def test_a_generator_that_a_finalizer_advances(decorate):
    @decorate
    def numbers():
        with span("step", "held"):
            yield 1
            with span("step", "below"):
                yield 2

    with record() as recorded:
        with transaction("test", "outside") as outside:
            made = numbers()
            next(made)
            kept = Finalized(lambda: next(made))
            kept.cycle = kept
            del kept
            gc.collect()
            assert get_current_span() is outside
            assert list(made) == []
            assert get_current_span() is outside
        assert outline(recorded) == ["numbers", "  held", "    below"]
