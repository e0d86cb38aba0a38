"""A signal handler or trace function may record at any bytecode, from the very first span on."""

import os
import subprocess
import sys
from contextlib import suppress
from opcode import opmap
from pathlib import Path

import pytest

import instrument
from instrument import (
    capture_message,
    get_current_scope,
    get_current_span,
    set_tag,
    span,
    stats,
    traced,
    transaction,
)
from instrument.testing import record

NOP = opmap["NOP"]
PACKAGE = str(Path(instrument.__file__).parent)

PROGRAM = """
import signal, sys
import instrument
from instrument import capture_message, get_current_span, set_tag, span, stats, traced, transaction
from instrument.exporters import Memory

calls = []

def handler(number, frame):
    calls.append(0)
    with transaction("signal", "handler"):
        with span("signal", "inner"):
            set_tag("seen", len(calls))
    if len(calls) % 10 == 0:
        capture_message("from the handler")
        stats()
    if len(calls) < 1500:
        signal.setitimer(signal.ITIMER_REAL, 0.0002)

@traced
def work():
    with span("step", "inner"):
        pass

@traced
def numbers():
    with span("step", "held"):
        yield 1
        yield 2

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0001)
instrument.init(exporter=Memory(), default_integrations=False)
while len(calls) < 1500:
    with transaction("test", "outside") as outside:
        work()
        for _ in numbers():
            with span("step", "consumer"):
                pass
        late = outside.start_child("step", "late")
    late.finish()
    assert get_current_span() is None
books = stats()
assert books.balanced, books
assert (books.spans.open, books.transactions.open) == (0, 0), books
assert books.errors.delivered > 0
print("fine")
"""


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="needs interval timers")
def test_real_signals():
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


class AtEveryOpcode:
    """While it is on, `act` is called before every bytecode of the package: where a signal handler might run."""

    def __init__(self, act):
        self.act = act
        self.steps = 0

    def __enter__(self):
        sys._getframe().f_trace_opcodes = True  # Python 3.12 wants it said before
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def trace(self, frame, event, _):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        # The NOP at the head of a `try` lies outside of it, and no signal is answered there.
        if event == "opcode" and frame.f_code.co_code[frame.f_lasti] != NOP:
            self.steps += 1
            self.act(self.steps)
        return self.trace


@traced
def work():
    with span("step", "inner") as made:
        made.set_data("key", "value")


@traced
def numbers():
    with span("step", "held"):
        yield 1


def plain_numbers():
    with span("step", "held"):
        yield 1


def everything():
    with transaction("test", "outside") as outside:
        work()
        for _ in numbers():
            work()
        for _ in plain_numbers():
            work()
        late = outside.start_child("step", "late")
        below = late.start_child("step", "below")
        try:
            with span("step", "fails"):
                raise ValueError
        except ValueError:
            capture_message("failed")
    below.finish()
    late.finish()
    stats()


def test_at_every_bytecode():
    def act(step):
        if step % 31 == 0:
            with transaction("signal", "handler"), span("signal", "inner"):
                pass
        elif step % 31 == 1:
            capture_message("from the handler")
            stats()
        elif step % 3 == 0:
            with span("signal", "step"):
                set_tag("step", step)

    with record(max_spans=100_000) as recorded:
        scope = get_current_scope()
        with AtEveryOpcode(act) as at:
            everything()
        assert at.steps > 1000
        assert get_current_span() is None
        assert scope.tags
        books = recorded.stats()
        assert books.balanced
        assert (books.spans.open, books.transactions.open) == (0, 0)
        ids = [item.span_id for item in recorded.transactions] + [one.span_id for one in recorded.spans]
        assert len(ids) == len(set(ids)) == books.spans.delivered
        descriptions = [one.description for one in recorded.spans]
        assert sum(name.endswith("work") for name in descriptions) == 3


def test_finishing_spans_at_every_bytecode():
    """The handler finishes children of the very transaction that is being handed over."""
    with record(max_spans=100_000) as recorded:
        for target in range(0, 600, 3):
            outside = transaction("test", "outside").__enter__()
            children = [outside.start_child("step", "child") for _ in range(3)]

            def act(step, target=target, children=children):
                if step == target:
                    children[1].finish()
                    children[0].start_child("step", "grandchild").finish()

            with AtEveryOpcode(act) as at:
                outside.__exit__(None, None, None)
            for child in children:
                child.finish()
            if at.steps < target:
                break
        assert target > 100
        books = recorded.stats()
        assert books.balanced
        assert (books.spans.open, books.spans.unfinished) == (0, {})
        ids = [item.span_id for item in recorded.transactions] + [one.span_id for one in recorded.spans]
        assert len(ids) == len(set(ids)) == books.spans.delivered


def blocks():
    with span("step", "first"):
        with span("step", "second"):
            work()
        for _ in numbers():
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_bytecode_leaves_the_context_as_it_was():
    """A KeyboardInterrupt may cost what is being recorded, never what is current afterwards."""
    total = 0
    with record(max_spans=100_000) as recorded:
        for target in range(1, 100_000, 13):

            def act(step, target=target):
                if step == target:
                    raise KeyboardInterrupt

            with suppress(KeyboardInterrupt), transaction("test", "outside"), AtEveryOpcode(act) as at:
                blocks()
            assert get_current_span() is None, target
            if at.steps < target:
                break
            total += 1
        assert total > 30
        recorded.clear()
        with transaction("test", "outside"):
            work()
        assert [one.description for one in recorded.spans][-1] == "inner"
        assert len(recorded.spans) == 2
