"""A decorated function, or a block, may recurse to the interpreter's limit; the RecursionError passes as itself."""

import sys

import pytest

from instrument import get_current_span, span, traced, transaction
from instrument.testing import record
from tests.outline import either


@pytest.fixture(autouse=True)
def _a_low_limit():
    limit = sys.getrecursionlimit()
    depth = 0
    frame = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 250)
    yield
    sys.setrecursionlimit(limit)


@either
def test_a_decorated_function(decorate):
    raised = []

    def deep():
        try:
            again()
        except RecursionError as error:
            raised.append(error)
            raise

    @decorate
    def again():
        deep()

    with record(max_spans=10_000) as recorded:
        with transaction("test", "outside") as outside:
            with pytest.raises(RecursionError) as caught:
                again()
            assert caught.value is raised[-1]
            assert get_current_span() is outside
            with span("step", "after") as after:
                assert after.parent_span_id == outside.span_id
        names = [one.description for one in recorded.spans] + [item.name for item in recorded.transactions]
        assert sum(name.endswith("again") for name in names) > 40


def test_another_exception_passes_as_itself_at_any_depth():
    error = ValueError("no")

    reached = []

    @traced
    def again(depth):
        if not depth:
            reached.append(1)
            raise error
        again(depth - 1)

    deepest = 0
    with record(max_spans=10_000), transaction("test", "outside") as outside:
        for depth in range(30, 140):
            with pytest.raises((ValueError, RecursionError)) as caught:
                again(depth)
            if len(reached) == deepest:
                break
            assert caught.value is error
            deepest += 1
            assert get_current_span() is outside
    assert deepest > 20


def test_blocks():
    def again():
        with span("step", "again"):
            again()

    with record(max_spans=10_000) as recorded:
        with transaction("test", "outside") as outside:
            with pytest.raises(RecursionError), span("step", "first"):
                again()
            assert get_current_span() is outside
        assert get_current_span() is None
        assert recorded.stats().balanced


@either
def test_generators(decorate):
    @decorate
    def again():
        yield
        yield from again()

    with record(max_spans=10_000), transaction("test", "outside") as outside:
        with pytest.raises(RecursionError):
            list(again())
        assert get_current_span() is outside
