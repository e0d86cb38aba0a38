"""`multiprocessing.Process`, forked or started anew: its spans are children of the span it was started in.

Each arrives once, also what was waiting in the parent when it forked, and the child delivers before it ends.
"""

import multiprocessing
import sys

import pytest

import instrument
from instrument import span, transaction
from tests.contracts.envelopes import Sink
from tests.stories.told import LIMIT, ToldInFile

METHODS = [method for method in ("fork", "spawn", "forkserver") if method in multiprocessing.get_all_start_methods()]


def work(name):
    with span("work", name), span("step", f"step of {name}"):
        pass
    with transaction("job", f"job of {name}"):
        pass


def fail(name):
    with span("work", name):
        sys.exit(3)


@pytest.mark.parametrize("method", METHODS)
def test_a_child_process_is_a_child_of_the_span_it_was_started_in(method, tmp_path):
    told = ToldInFile(tmp_path / "events.jsonl")
    start = multiprocessing.get_context(method).Process
    with transaction("test", "processes"):
        with span("stage", "stage"):
            one = start(target=work, args=("one",))
            one.start()
        other = start(target=work, args=("other",))
        other.start()
        for process in (one, other):
            process.join(LIMIT)
            assert process.exitcode == 0
            process.close()
    assert told.parents == {
        "processes": None,
        "stage": "processes",
        "one": "stage",
        "step of one": "one",
        "job of one": "stage",
        "other": "processes",
        "step of other": "other",
        "job of other": "processes",
    }
    assert told.traces == 1


@pytest.mark.parametrize("method", METHODS)
def test_everything_is_delivered_once(method, tmp_path):
    with Sink() as sink:
        instrument.init(sink.dsn, spool_dir=tmp_path / "spool")
        with transaction("test", "before"):
            pass
        with transaction("test", "around"), span("stage", "stage"):
            process = multiprocessing.get_context(method).Process(target=fail, args=("in the child",))
            process.start()
            process.join(LIMIT)
            assert process.exitcode == 3
        assert instrument.flush(LIMIT)
        names = sorted(event["transaction"] for event in sink.events)
        assert names == ["around", "before", "in the child"]
        (child,) = (event for event in sink.events if event["transaction"] == "in the child")
        (around,) = (event for event in sink.events if event["transaction"] == "around")
        assert child["contexts"]["trace"]["parent_span_id"] == around["spans"][0]["span_id"]
        assert instrument.stats().balanced


@pytest.mark.parametrize("method", METHODS)
def test_an_unsampled_trace_stays_unsampled_in_the_child(method, tmp_path):
    told = ToldInFile(tmp_path / "events.jsonl")
    (tmp_path / "events.jsonl").touch()
    with transaction("test", "unsampled", sampled=False):
        process = multiprocessing.get_context(method).Process(target=work, args=("one",))
        process.start()
        process.join(LIMIT)
        assert process.exitcode == 0
    assert told.events == []


def test_a_child_that_was_started_outside_a_transaction_has_no_parent(tmp_path):
    told = ToldInFile(tmp_path / "events.jsonl")
    process = multiprocessing.get_context("spawn").Process(target=work, args=("one",))
    process.start()
    process.join(LIMIT)
    assert told.parents == {"job of one": None}
