"""A span that never finishes is counted as open, named in `stats()`, and reported lost when the process closes."""

import gc

import instrument
from instrument import span, start_transaction, transaction
from instrument.exporters import Memory
from instrument.testing import record


def test_while_it_lives_and_after_it_was_dropped():
    with record() as recorded:
        with transaction("test", "outside") as outside:
            kept = outside.start_child("db", "query")
            for _ in range(3):
                outside.start_child("db", "forgotten")
            with span("step", "fine"):
                pass
        gc.collect()
        stats = recorded.stats()
        assert stats.spans.unfinished == {"db: query": 1, "db: forgotten": 3}
        assert (stats.spans.open, stats.spans.delivered, stats.balanced) == (4, 2, True)
        kept.finish()
        stats = recorded.stats()
        assert stats.spans.unfinished == {"db: forgotten": 3}
        assert (stats.spans.open, stats.spans.delivered, stats.balanced) == (3, 3, True)


def test_what_is_started_after_the_end_counts_as_well():
    with record() as recorded:
        with transaction("test", "outside") as outside:
            pass
        child = outside.start_child("db", "after the end")
        assert recorded.stats().spans.unfinished == {"db: after the end": 1}
        child.finish()
        stats = recorded.stats()
        assert (stats.spans.unfinished, stats.balanced) == ({}, True)
        assert [item.name for item in recorded.transactions] == ["outside", "after the end"]


def test_endlessly_many_names_are_cut_off():
    with record(max_spans=10_000) as recorded:
        with transaction("test", "outside") as outside:
            for number in range(1200):
                outside.start_child("db", f"query {number}")
        names = recorded.stats().spans.unfinished
        assert len(names) == 1001
        assert names["and others"] == 200
        assert sum(names.values()) == recorded.stats().spans.open == 1200


def test_at_the_close_of_the_process_it_is_lost():
    instrument.init(exporter=Memory(), default_integrations=False)
    with transaction("test", "outside") as outside:
        kept = outside.start_child("db", "query")
    running = start_transaction("test", "running")
    instrument.close(timeout=1)
    stats = instrument.stats()
    assert stats.balanced
    assert stats.spans.open == stats.transactions.open == 0
    assert stats.spans.dropped == {"unfinished": 2}
    assert stats.transactions.dropped == {"unfinished": 1}
    kept.finish()
    running.finish()
    assert instrument.stats().balanced
