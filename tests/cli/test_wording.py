"""How numbers and times are said."""

import pytest

from instrument.cli.bars import beside, scale
from instrument.cli.glyphs import ASCII, UNICODE
from instrument.cli.wording import clean, cut, duration, moment, quantity


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"),
        (3e-7, "0.30 µs"),
        (1e-6, "1.00 µs"),
        (0.00042, "420 µs"),
        (0.0009994, "999 µs"),
        (0.0009996, "1.00 ms"),
        (0.01, "10.0 ms"),
        (0.0999, "99.9 ms"),
        (0.1, "100 ms"),
        (0.9996, "1.00 s"),
        (1.234, "1.23 s"),
        (59.96, "60.0 s"),
        (99.9, "99.9 s"),
        (100, "1m 40s"),
        (125.9, "2m 05s"),
        (3600, "1h 00m"),
        (359_999, "99h 59m"),
    ],
)
def test_durations_have_three_digits_and_a_unit(seconds, said):
    assert duration(seconds) == said
    assert len(said) <= 7
    assert duration(seconds, ascii_only=True) == said.replace("µ", "u")


def test_moments_out_of_any_calendar_are_no_trouble():
    assert moment(1e300) == moment(-1e300) == moment(float("nan")) == "?"


def test_counts_agree_with_their_noun():
    assert (quantity(1, "span"), quantity(1200, "span")) == ("1 span", "1,200 spans")
    assert quantity(2, "process", "processes") == "2 processes"


def test_text_is_cut_by_the_columns_it_takes():
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 5) == "abcd…"
    assert cut("高速道路", 6) == "高速…"
    assert cut("abcdef", 0) == ""
    assert cut("abcdef", 5, "...") == "ab..."


def test_text_is_one_line_without_orders():
    assert clean(" a\n\tb \x1b[1;31mc\x1b[0m\x07\x85d") == "a b c d"
    assert clean("naïve\udc80", ascii_only=True) == "na?ve"


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        (1.0, "0       200 ms    400 ms    600 ms    800 ms"),
        (0.00042, "0          100 µs      200 µs      300 µs"),
        (90.0, "0          20 s       40 s       60 s       80 s"),
        (7200.0, "0            30m 00s     1h 00m      1h 30m"),
        (0.0, "0"),
    ],
)
def test_the_scale_has_round_times_in_their_places(whole, expected):
    line = scale(whole, 52, UNICODE)
    assert line.split() == expected.split()
    assert len(line) <= 52


def test_a_word_stands_where_a_bar_leaves_room():
    assert beside("━━", "failed", 10, UNICODE) == "━━ failed"
    assert beside("        ━━", "failed", 10, UNICODE) == " failed ━━"
    assert beside("━" * 14, "failed", 14, UNICODE) == "━━ failed ━━━━"
    assert beside("    ━━", "failed", 10, UNICODE) == "    ━━ fa…"
    assert beside("     ==", "failed", 10, ASCII) == "f... =="
