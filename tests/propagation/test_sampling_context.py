"""What the head of a trace tells those after it."""

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instrument.propagation import sample_rand, sampling_context

T = "0af7651916cd43dd8448eb211c80319c"
TRACES = st.binary(min_size=16, max_size=16).map(bytes.hex)


def test_a_head_of_trace_says_what_it_knows_in_the_usual_order():
    context = sampling_context(
        trace_id=T,
        public_key="key",
        sample_rate=0.25,
        sample_rand="0.123456",
        sampled=True,
        release="shop@1",
        environment="production",
        transaction="GET /{id}",
        org_id="42",
    )
    assert list(context.items()) == [
        ("trace_id", T),
        ("sample_rand", "0.123456"),
        ("environment", "production"),
        ("release", "shop@1"),
        ("public_key", "key"),
        ("org_id", "42"),
        ("transaction", "GET /{id}"),
        ("sample_rate", "0.25"),
        ("sampled", "true"),
    ]


def test_what_is_not_known_is_left_out():
    assert sampling_context(trace_id=T) == {"trace_id": T}
    assert sampling_context(trace_id=T, environment="") == {"trace_id": T}
    assert sampling_context(trace_id=T, sampled=False, sample_rate=0)["sampled"] == "false"


@pytest.mark.parametrize("rate", [0, 1, True, 0.1, 1e-07, 1 / 3])
def test_the_rate_is_text_that_is_a_json_number(rate):
    text = sampling_context(trace_id=T, sample_rate=rate)["sample_rate"]
    assert json.loads(text) == rate


@given(TRACES)
def test_the_random_number_has_six_decimals_and_is_the_same_for_the_same_trace(trace_id):
    number = sample_rand(trace_id)
    assert len(number) == 8 and 0 <= float(number) < 1
    assert sample_rand(trace_id) == number


@given(TRACES, st.booleans(), st.floats(0, 1))
def test_the_random_number_is_below_the_rate_exactly_when_sampled(trace_id, sampled, rate):
    number = sample_rand(trace_id, sampled, rate)
    if number is None:
        assert rate == 0 if sampled else rate > 0.999999
    else:
        assert len(number) == 8 and (float(number) < rate) is sampled


NARROW = [*range(1, 20), 75, 83, 123]
"""Widths in millionths, so small that a thousand traces draw every number. Floats round badly at the last three."""


@pytest.mark.parametrize(("sampled", "edges"), [(True, NARROW), (False, [1_000_000 - width for width in NARROW])])
def test_the_edges_of_a_rate_are_not_crossed_by_rounding(sampled, edges):
    for edge in edges:
        exact = edge / 1_000_000
        for rate in (exact, math.nextafter(exact, 1), math.nextafter(exact, 0), exact + 1e-12, exact - 1e-12):
            drawn = {sample_rand(f"{number:032x}", sampled, rate) for number in range(1000)}
            assert all(number is None or (float(number) < rate) is sampled for number in drawn), rate


def test_a_number_is_found_in_the_narrowest_gap_there_is():
    for number in range(50):
        assert sample_rand(f"{number:032x}", True, math.nextafter(1e-6, 1)) in ("0.000000", "0.000001")
        assert sample_rand(f"{number:032x}", True, 1e-300) == "0.000000"
        assert sample_rand(f"{number:032x}", False, 0.999999) == "0.999999"
    assert sample_rand(T, False, math.nextafter(0.999999, 1)) is None


def test_random_numbers_are_spread_evenly():
    source = random.Random(7)
    numbers = [float(sample_rand(source.randbytes(16).hex())) for _ in range(10_000)]
    for tenth in range(10):
        assert 850 < sum(tenth / 10 <= number < (tenth + 1) / 10 for number in numbers) < 1150


def test_the_programs_own_random_is_not_disturbed():
    random.seed(3)
    expected = random.random()
    random.seed(3)
    sample_rand(T)
    sample_rand(T, True, 0.5)
    assert random.random() == expected
