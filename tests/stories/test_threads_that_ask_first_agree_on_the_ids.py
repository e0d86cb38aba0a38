"""Threads that ask for the ids of a trace at the same moment get the same ones."""

import threading

import pytest

import instrument
from instrument.testing import record

THREADS = 8


def _asked_at_once(ask):
    ready = threading.Barrier(THREADS)
    answers = []

    def work():
        ready.wait()
        answers.append(ask())

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return set(answers)


@pytest.fixture
def slow_draws(monkeypatch):
    """Drawing takes long enough for every thread to begin one before the first has ended."""
    from instrument import _ids

    drawn = threading.Barrier(THREADS)
    urandom = vars(_ids)["urandom"]

    def draw(size):
        try:
            drawn.wait(0.05)
        except threading.BrokenBarrierError:
            pass  # fewer than all were drawing
        return urandom(size)

    monkeypatch.setattr(_ids, "urandom", draw)


def test_of_a_transaction_and_a_span(slow_draws):
    with record() as recorded, instrument.transaction("job", "nightly") as tx, instrument.span("a") as one:
        assert len(_asked_at_once(lambda: tx.trace_id)) == 1
        assert len(_asked_at_once(lambda: tx.trace_headers()["sentry-trace"])) == 1
        assert len(_asked_at_once(lambda: one.span_id)) == 1
    assert recorded.transactions[0].trace_id == tx.trace_id


def test_of_a_scope_without_a_transaction(slow_draws):
    with record():
        assert len(_asked_at_once(lambda: instrument.get_current_hub().scope.trace.id)) == 1
        scope = instrument.get_current_scope()
        assert len(_asked_at_once(lambda: (scope.trace.id, scope.span_id))) == 1
