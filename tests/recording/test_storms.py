"""Storms of the same error."""

import threading

import pytest

import instrument
from instrument import capture_exception, capture_message
from instrument.recording.storms import MOST_KNOWN, Storms
from instrument.testing import record


def fail(text="no"):
    try:
        raise ValueError(text)
    except ValueError:
        return capture_exception()


def test_of_a_storm_a_hundred_are_kept_and_one_event_says_how_many_were_not():
    with record() as recorded:
        ids = [fail(str(number)) for number in range(10_000)]
        instrument.flush()
        *kept, told = recorded.errors
        counted = recorded.stats().errors
    assert len([one for one in ids if one]) == len(kept) < 200
    assert told.extra["held_back"] == 10_000 - len(kept) == counted.dropped["backpressure"]
    assert "ValueError" in told.message and "test_storms.py" in told.message and str(10_000 - len(kept)) in told.message
    assert counted.started == 10_001
    assert counted.balanced


def test_it_is_told_once_and_when_the_program_ends():
    with record() as recorded:
        for _ in range(300):
            fail()
        instrument.flush()
        instrument.flush()
        assert len([one for one in recorded.errors if one.logger == "instrument"]) == 1
        for _ in range(300):
            fail()
        instrument.close()
        assert len([one for one in recorded.errors if one.logger == "instrument"]) == 2


def test_other_errors_are_not_held_back_by_a_storm():
    with record() as recorded:
        for _ in range(300):
            fail()
        with pytest.raises(KeyError) as caught:
            {}["x"]
        assert capture_exception(caught.value)
        assert capture_message("something else")
    assert recorded.stats().balanced


def test_the_same_message_again_and_again_is_a_storm_and_different_ones_are_not():
    with record() as recorded:
        assert sum(capture_message("same") is not None for _ in range(500)) < 200
        assert all(capture_message(f"order {number}") for number in range(300))
    assert recorded.stats().balanced


def test_an_exception_that_was_held_back_counts_once_however_often_it_is_captured():
    with record() as recorded:
        for _ in range(150):
            fail()
        before = recorded.stats().errors.started
        try:
            raise ValueError
        except ValueError as error:
            for _ in range(3):
                capture_exception(error)
        assert recorded.stats().errors.started <= before + 3


def test_the_bucket_fills_again_by_one_a_second(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("instrument._clock.seconds", lambda: now[0])
    storms = Storms()
    assert sum(storms.admits("a", "a") for _ in range(500)) == 100
    now[0] += 3
    assert sum(storms.admits("a", "a") for _ in range(500)) == 3
    assert not storms.is_due()
    now[0] += 60
    assert storms.is_due()
    (told,) = storms.untold("1" * 32, "2" * 16)
    assert told.extra == {"held_back": 897, "seconds": 3.0}
    assert storms.untold("1" * 32, "2" * 16) == []


def test_every_one_is_counted_when_threads_storm_together():
    storms = Storms()
    admitted = []

    def run():
        admitted.append(sum(storms.admits("a", "a") for _ in range(5000)))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (told,) = storms.untold("1" * 32, "2" * 16)
    assert sum(admitted) + told.extra["held_back"] == 40_000


def test_what_is_remembered_of_storms_is_bounded():
    storms = Storms()
    for number in range(5 * MOST_KNOWN):
        storms.admits(number, "x")
    assert len(storms._buckets) == MOST_KNOWN
