"""How long a failing destination is left alone, and how it is taken up again: all by numbers, without a clock."""

import pytest

from instrument.export.backoff import Backoff, chance


def fail(backoff, times, *, chance=1.0, now=0.0):
    for _ in range(times):
        backoff = backoff.failed(now, chance)
    return backoff


def test_a_destination_that_never_failed_is_not_waited_for():
    assert Backoff().wait(0.0) == 0
    assert not Backoff().is_open


def test_the_bound_doubles_from_half_a_second_to_a_minute():
    bounds = []
    backoff = Backoff()
    for _ in range(12):
        backoff = backoff.failed(100.0, 1.0)
        bounds.append(backoff.wait(100.0))
    assert bounds == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


@pytest.mark.parametrize(("drawn", "wait"), [(0.0, 0.0), (0.25, 2.0), (0.5, 4.0), (1.0, 8.0)])
def test_the_wait_is_drawn_from_the_whole_range_below_the_bound(drawn, wait):
    assert fail(Backoff(), 4).failed(10.0, drawn).wait(10.0) == wait


def test_what_the_server_asks_for_is_a_floor_with_up_to_a_tenth_more():
    assert Backoff().failed(0.0, 0.0, floor=20.0).wait(0.0) == 20.0
    assert Backoff().failed(0.0, 1.0, floor=20.0).wait(0.0) == pytest.approx(22.0)
    assert fail(Backoff(), 9).failed(0.0, 1.0, floor=2.0).wait(0.0) == 60.0


def test_a_success_halves_the_exponent_and_does_not_reset_it():
    backoff = fail(Backoff(), 7).succeeded(0.0)
    assert backoff.attempt == 3
    assert backoff.failures == 0
    assert backoff.failed(0.0, 1.0).wait(0.0) == 4.0


def test_three_failures_in_a_row_open_the_breaker_and_one_success_closes_it():
    assert [fail(Backoff(), times).is_open for times in (1, 2, 3, 4)] == [False, False, True, True]
    assert not fail(Backoff(), 5).succeeded(0.0).is_open
    assert not fail(fail(Backoff(), 2).succeeded(0.0), 2).is_open


def test_after_an_outage_bursts_widen_with_a_tenth_of_a_second_between():
    backoff, now, bursts, burst = fail(Backoff(), 3), 0.0, [], 0
    now += backoff.wait(now)
    while backoff.burst:
        backoff = backoff.succeeded(now)
        burst += 1
        if backoff.wait(now):
            assert backoff.wait(now) == pytest.approx(0.1)
            now += backoff.wait(now)
            bursts.append(burst)
            burst = 0
    assert bursts == [1, 2, 4, 8, 16, 32]
    assert backoff.wait(now) == 0


def test_a_failure_in_the_middle_of_the_bursts_starts_them_again():
    backoff = fail(Backoff(), 3)
    for _ in range(5):
        backoff = backoff.succeeded(0.0)
    assert backoff.burst == 4
    assert backoff.failed(0.0, 1.0).burst == 1


def test_pacing_ends_with_the_backlog():
    assert fail(Backoff(), 3).succeeded(0.0).drained().burst == 0
    assert fail(Backoff(), 3).drained() == fail(Backoff(), 3)


def test_a_wrong_address_is_tried_once_in_five_minutes():
    backoff = Backoff().misconfigured(0.0, 0.5)
    assert backoff.is_open
    assert backoff.wait(0.0) == pytest.approx(315.0)


def test_after_a_rate_limit_it_goes_on_carefully_and_without_a_wait_of_its_own():
    backoff = Backoff().limited()
    assert backoff.wait(0.0) == 0
    assert backoff.burst == 1
    assert not backoff.is_open


def test_success_without_trouble_changes_nothing():
    backoff = Backoff()
    assert backoff.succeeded(5.0) is backoff


def test_chance_is_spread_over_nought_to_one():
    drawn = [chance() for _ in range(2000)]
    assert all(0 <= number < 1 for number in drawn)
    assert {int(number * 10) for number in drawn} == set(range(10))
