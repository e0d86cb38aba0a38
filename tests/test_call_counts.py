"""How many calls a span is allowed to cost. A refactor that adds a layer to the hot path fails here, on any machine."""

import gc
import sys
from pathlib import Path

import pytest

import instrument
from instrument.exporters import Memory

PACKAGE = str(Path(instrument.__file__).parent)


@instrument.traced(op="task")
def decorated():
    pass


def block():
    with instrument.span("encode", "parse avatar images"):
        pass


def block_with_data():
    with instrument.span("encode", "parse avatar images", data={"rows": 3}, tags={"region": "north"}):
        pass


def calls_of(work):
    """How many functions of ours, or of others on our behalf, a call of `work` enters, and how deep that goes.

    C functions do not count: reading a clock or a context variable is the work itself.
    """
    work()  # what happens only once does not count
    stack, calls, deepest = [], 0, 0

    def watch(frame, event, _):
        nonlocal calls, deepest
        if event == "call":
            file = frame.f_code.co_filename
            is_ours = file.startswith(PACKAGE) or (bool(stack and stack[-1]) and file != __file__)
            stack.append(is_ours)
            calls += is_ours
            deepest = max(deepest, sum(stack))
        elif event == "return" and stack:
            stack.pop()

    gc.disable()  # a collection in the middle would call back
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls, deepest


@pytest.fixture
def client():
    return instrument.init(exporter=Memory(), default_integrations=False)


def block_with_setters():
    with instrument.span("encode", "parse avatar images", data={"rows": 3}) as made:
        made.set_data("table", "items")
        made.set_tag("region", "north")


@pytest.mark.parametrize(
    ("work", "most"),
    [(block, 3), (block_with_data, 3), (block_with_setters, 5), (decorated, 1)],
    ids=["block", "block with data", "block with setters", "call"],
)
def test_a_recorded_span_takes_few_calls(client, work, most):
    """The house allows 8 calls, 3 deep; the hot path stays well below."""
    with instrument.transaction("task", "nightly"):
        calls, depth = calls_of(work)
    assert 0 < calls <= most <= 8
    assert depth == 1


@pytest.mark.parametrize(("spans", "most"), [(0, 80), (5, 100)], ids=["empty", "of 5 spans"])
def test_a_transaction_takes_no_more_calls_than_it_did(client, spans, most):
    """Up to the destination, all stages included."""

    def work():
        with instrument.transaction("task", "nightly"):
            for _ in range(spans):
                block()

    calls, _ = calls_of(work)
    assert 0 < calls <= most


@pytest.mark.parametrize("work", [block, block_with_data, decorated], ids=["block", "block with data", "call"])
def test_outside_a_transaction_a_span_takes_next_to_no_calls(client, work):
    calls, depth = calls_of(work)
    assert 0 < calls <= 3
    assert depth == 1


@pytest.mark.parametrize("work", [block, block_with_data, decorated], ids=["block", "block with data", "call"])
def test_in_an_unsampled_transaction_a_span_takes_next_to_no_calls(client, work):
    with instrument.transaction("task", "nightly", sampled=False):
        calls, depth = calls_of(work)
    assert 0 < calls <= 3
    assert depth == 1
