"""Spans may finish in any thread while their transaction is handed over: each is delivered once."""

import sys
import threading

import pytest

from instrument import transaction
from instrument.testing import record

THREADS = 8
CHILDREN = 25
ROUNDS = 30


@pytest.fixture(autouse=True)
def _quick_switches():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def all_ids(recorded):
    """The ids of everything delivered, and of every parent."""
    spans = [span for item in recorded.transactions for span in item.spans]
    ids = [item.span_id for item in recorded.transactions] + [span.span_id for span in spans]
    parents = [item.parent_span_id for item in recorded.transactions if item.parent_span_id]
    return ids, parents + [span.parent_span_id for span in spans]


@pytest.mark.parametrize("shape", ["flat", "deep", "started late"])
def test_while_the_transaction_is_handed_over(shape):
    with record(max_spans=10_000) as recorded:
        for _ in range(ROUNDS):
            barrier = threading.Barrier(THREADS + 1)
            outside = transaction("test", "outside").__enter__()

            def work(barrier=barrier, outside=outside):
                children, parent = [], outside
                for _ in range(0 if shape == "started late" else CHILDREN):
                    children.append(parent.start_child("step", "child"))
                    parent = children[-1] if shape == "deep" else outside
                barrier.wait(30)
                if shape == "started late":
                    children = [outside.start_child("step", "child") for _ in range(CHILDREN)]
                for child in reversed(children):
                    child.finish()

            threads = [threading.Thread(target=work) for _ in range(THREADS)]
            for thread in threads:
                thread.start()
            barrier.wait(30)
            outside.__exit__(None, None, None)
            for thread in threads:
                thread.join(30)
        ids, parents = all_ids(recorded)
        assert len(ids) == len(set(ids)) == ROUNDS * (THREADS * CHILDREN + 1)
        assert set(parents) <= set(ids)
        stats = recorded.stats()
        assert stats.balanced
        assert (stats.spans.open, stats.spans.unfinished) == (0, {})
        assert stats.spans.delivered == len(ids)


def test_the_same_span_or_transaction_finished_by_many_is_finished_once():
    with record() as recorded:
        for _ in range(ROUNDS):
            barrier = threading.Barrier(THREADS)
            made = transaction("test", "outside").__enter__()
            late = made.start_child("step", "late")

            def work(barrier=barrier, made=made, late=late):
                barrier.wait(30)
                made.finish()
                late.finish()

            threads = [threading.Thread(target=work) for _ in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            made.__exit__(None, None, None)
        ids, _ = all_ids(recorded)
        assert len(ids) == len(set(ids)) == 2 * ROUNDS
        assert recorded.stats().balanced
        assert recorded.stats().spans.open == 0
