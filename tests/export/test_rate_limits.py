"""What servers ask for in headers, as the protocol's table of rules has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instrument.export.rate_limits import RateLimits, retry_after

WALL = 1_790_000_000.0


def after(header=None, *, status=200, retry=None, before=None, now=0.0, wall=WALL):
    headers = {}
    if header is not None:
        headers["x-sentry-rate-limits"] = header
    if retry is not None:
        headers["retry-after"] = retry
    return (before or RateLimits()).answered(status, headers, now, wall)


def waits(limits, now=0.0, wall=WALL):
    return {kind: limits.wait(kind, now, wall) for kind in ("error", "transaction", "report")}


@pytest.mark.parametrize(
    ("header", "error", "transaction", "report"),
    [
        ("60:transaction", 0, 60, 0),
        ("60:transaction:organization:usage_exceeded", 0, 60, 0),
        ("60:error;transaction:key", 60, 60, 0),
        ("60:transaction;span:organization, 2.5::key", 2.5, 60, 2.5),
        ("2.5:error", 2.5, 0, 0),
        (".5:error", 0.5, 0, 0),
        (" 7 : error ; transaction : key ", 7, 7, 0),
        ("10:ERROR", 10, 0, 0),
        ("10::organization", 10, 10, 10),
        ("10:", 10, 10, 10),
        ("10:internal", 0, 0, 10),
        ("10:error,20:error", 20, 0, 0),
        ("20:error,10:error", 20, 0, 0),
        ("10:replay;profile", 0, 0, 0),
        ("10:error;nonsense", 10, 0, 0),
        ("10:span", 0, 0, 0),
        ("10:metric_bucket:organization:quota:custom", 0, 0, 0),
        ("60", 0, 0, 0),
        ("", 0, 0, 0),
        (":error", 0, 0, 0),
        ("-5:error", 0, 0, 0),
        ("nan:error", 0, 0, 0),
        ("inf:error", 0, 0, 0),
        ("1e9:error", 0, 0, 0),
        ("junk:error, 30:transaction", 0, 30, 0),
        ("99999999:error", 3600, 0, 0),
        (",,;;::,10:error,", 10, 0, 0),
    ],
)
def test_the_header_is_read_as_the_protocol_says(header, error, transaction, report):
    assert waits(after(header)) == {"error": error, "transaction": transaction, "report": report}


@pytest.mark.parametrize("status", [200, 400, 413, 429, 503])
def test_the_header_counts_with_every_status(status):
    assert after("5:error", status=status).wait("error", 0.0, WALL) == 5


def test_a_429_without_the_header_holds_everything_for_what_retry_after_says():
    assert waits(after(status=429, retry="13")) == {"error": 13, "transaction": 13, "report": 13}
    assert waits(after(status=429, retry="1.5"))["error"] == 1.5


@pytest.mark.parametrize("retry", [None, "", "soon", "-3", "nan", "1e3", "Wed, 99 Foo 2026 00:00:00 GMT"])
def test_a_429_that_says_nothing_usable_holds_everything_for_a_minute(retry):
    assert after(status=429, retry=retry).wait("transaction", 0.0, WALL) == 60


def test_retry_after_is_not_looked_at_when_the_header_exists():
    assert waits(after("10:error", status=429, retry="500")) == {"error": 10, "transaction": 0, "report": 0}


def test_retry_after_is_overruled_by_the_header_for_whoever_asks():
    assert retry_after({"retry-after": "30", "x-sentry-rate-limits": "60:error"}, WALL) is None


@pytest.mark.parametrize("retry", ["0", "0.0", "Mon, 21 Sep 2020 14:14:00 GMT"])
def test_retry_after_may_say_now(retry):
    assert waits(after(status=429, retry=retry)) == {"error": 0, "transaction": 0, "report": 0}


def test_a_destination_may_count_all_that_it_is_sent_as_something_else():
    spans = RateLimits(categories={"error": "span", "transaction": "span", "report": "span"})
    assert waits(after("60:span", before=spans)) == {"error": 60, "transaction": 60, "report": 60}
    assert waits(after("60:transaction;error", before=spans)) == {"error": 0, "transaction": 0, "report": 0}


def test_how_long_an_unstated_limit_is_depends_on_the_destination():
    assert after(status=429, before=RateLimits(unstated=0.0)).wait("error", 0.0, WALL) == 0


def test_an_answer_changes_nothing_but_the_limits():
    given = RateLimits(categories={"error": "span", "transaction": "span", "report": "span"}, unstated=0.0)
    limited = after("60:span", status=429, before=given)
    assert (limited.categories, limited.unstated) == (given.categories, 0.0)


def test_retry_after_may_be_a_date():
    assert retry_after({"retry-after": "Mon, 21 Sep 2026 14:14:00 GMT"}, WALL) == pytest.approx(1640.0, abs=3600)
    assert retry_after({"retry-after": "Mon, 21 Sep 2020 14:14:00 GMT"}, WALL) == 0
    assert retry_after({"retry-after": "Mon, 21 Sep 2099 14:14:00 GMT"}, WALL) == 3600
    assert retry_after({}, WALL) is None


def test_the_later_of_two_limits_counts():
    long = after("60:error")
    assert after("10:error", before=long).wait("error", 0.0, WALL) == 60
    assert after("90:error", before=long).wait("error", 0.0, WALL) == 90


def test_an_answer_without_limits_leaves_those_in_force():
    assert after(before=after("60:error")).wait("error", 0.0, WALL) == 60


def test_a_limit_is_over_when_either_clock_says_so():
    limits = after("60:error")
    assert limits.wait("error", 59.0, WALL + 59) == 1
    assert limits.wait("error", 61.0, WALL - 3600) == 0
    assert limits.wait("error", 1.0, WALL + 3600) == 0
    assert limits.wait("error", 1.0, WALL - 3600) == 59


def test_only_so_much_of_a_header_is_read():
    header = ",".join(["5:error"] * 600 + ["600:error"] * 2000)
    assert after(header).wait("error", 0.0, WALL) == 5


@given(st.text(max_size=200), st.text(max_size=50), st.sampled_from([200, 429, 503, None]))
def test_no_header_is_ever_an_exception_nor_more_than_an_hour(header, retry, status):
    limits = after(header, status=status, retry=retry)
    assert all(0 <= wait <= 3600 for wait in waits(limits).values())
    assert 0 <= (retry_after({"retry-after": retry}, WALL) or 0) <= 3600
