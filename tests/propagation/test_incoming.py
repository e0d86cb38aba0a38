"""Headers in every shape that servers and queues hand them over in, and which of them win."""

import email.message
from wsgiref.headers import Headers

import pytest

from instrument.propagation import TraceContext, read_headers

T = "0af7651916cd43dd8448eb211c80319c"
S = "b7ad6b7169203331"
OTHER = "1" * 32
TRACE = f"{T}-{S}-1"
BAGGAGE = f"vendor=1,sentry-trace_id={T},sentry-sample_rate=0.25,sentry-sample_rand=0.123456"


def message(*pairs):
    made = email.message.Message()
    for name, value in pairs:
        made[name] = value
    return made


SHAPES = {
    "lower case": {"sentry-trace": TRACE, "baggage": BAGGAGE},
    "title case": {"Sentry-Trace": TRACE, "Baggage": BAGGAGE, "Host": "x", 7: "no text"},
    "upper case": {"SENTRY-TRACE": TRACE, "BAGGAGE": BAGGAGE},
    "bytes": {b"sentry-trace": TRACE.encode(), b"Baggage": BAGGAGE.encode()},
    "lists": {"sentry-trace": [TRACE], "baggage": ["vendor=1", BAGGAGE.encode()]},
    "ASGI": [(b"host", b"x"), (b"sentry-trace", TRACE.encode()), (b"baggage", BAGGAGE.encode())],
    "pairs": (("Sentry-Trace", TRACE), ("Baggage", BAGGAGE)),
    "generator": (pair for pair in [("Sentry-Trace", TRACE), ("Baggage", BAGGAGE)]),
    "WSGI": {"REQUEST_METHOD": "GET", "HTTP_SENTRY_TRACE": TRACE, "HTTP_BAGGAGE": BAGGAGE},
    "META": {"HTTP_SENTRY_TRACE": TRACE, "HTTP_BAGGAGE": BAGGAGE},
    "wsgiref": Headers([("Sentry-Trace", TRACE), ("baggage", BAGGAGE)]),
    "http.client": message(("Sentry-Trace", TRACE), ("Baggage", BAGGAGE)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_headers_are_read_in_any_shape(shape):
    assert read_headers(SHAPES[shape]) == TraceContext(
        trace_id=T,
        parent_span_id=S,
        sampled=True,
        sample_rand="0.123456",
        dynamic_sampling_context={"trace_id": T, "sample_rate": "0.25", "sample_rand": "0.123456"},
    )


@pytest.mark.parametrize("headers", [None, {}, [], (), {"host": "x"}, {"baggage": BAGGAGE}, {"tracestate": "a=1"}])
def test_without_a_trace_there_is_nothing_to_continue(headers):
    assert read_headers(headers) is None


@pytest.mark.parametrize("value", [None, 1, 1.5, object(), [None], [[TRACE]], {}])
def test_values_that_are_no_text_are_not_there(value):
    assert read_headers({"sentry-trace": value, "baggage": value, "traceparent": value}) is None


def test_of_an_environ_only_what_came_with_the_request_counts():
    assert read_headers({"REQUEST_METHOD": "GET", "sentry-trace": TRACE, "SENTRY_TRACE": TRACE}) is None


def test_sentry_trace_wins_over_traceparent():
    headers = {"sentry-trace": TRACE, "traceparent": f"00-{OTHER}-{S}-00"}
    assert read_headers(headers).trace_id == T
    assert read_headers(headers, formats=("w3c",)).trace_id == OTHER
    assert read_headers({**headers, "sentry-trace": "nonsense"}).trace_id == OTHER


@pytest.mark.parametrize(("formats", "continues"), [((), False), (("w3c",), False), (("sentry",), True)])
def test_only_the_formats_asked_for_are_read(formats, continues):
    assert (read_headers({"sentry-trace": TRACE}, formats=formats) is not None) is continues


def test_a_trace_without_our_baggage_has_a_frozen_empty_context():
    for headers in ({"sentry-trace": TRACE}, {"sentry-trace": TRACE, "baggage": "vendor=1"}):
        assert read_headers(headers).dynamic_sampling_context == {}
    assert read_headers({"traceparent": f"00-{T}-{S}-01"}).dynamic_sampling_context == {}


def test_baggage_beside_a_traceparent_counts_when_it_speaks_of_the_same_trace():
    headers = {"traceparent": f"00-{T}-{S}-01", "baggage": BAGGAGE}
    assert read_headers(headers).parent_sample_rate == 0.25
    assert read_headers({**headers, "traceparent": f"00-{OTHER}-{S}-01"}).dynamic_sampling_context == {}
    assert read_headers(headers, formats=("w3c",)).dynamic_sampling_context == {}


@pytest.mark.parametrize(
    ("ours", "theirs", "strict", "continues"),
    [
        ("1", "1", False, True),
        ("1", "1", True, True),
        (None, None, False, True),
        (None, None, True, True),
        ("1", None, False, True),
        ("1", None, True, False),
        (None, "1", False, True),
        (None, "1", True, False),
        ("1", "2", False, False),
        ("1", "2", True, False),
    ],
)
def test_a_trace_of_another_organisation_is_not_continued(ours, theirs, strict, continues):
    baggage = "sentry-release=1" + (f",sentry-org_id={theirs}" if theirs else "")
    context = read_headers({"sentry-trace": TRACE, "baggage": baggage}, org_id=ours, strict=strict)
    assert (context is not None) is continues


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0", 0.0),
        ("0.25", 0.25),
        ("1", 1.0),
        ("1.0", 1.0),
        ("1e-05", 1e-05),
        ("1.0000001", None),
        ("2", None),
        ("-0.1", None),
        ("+0.1", None),
        ("1e999", None),
        ("1e5", None),
        ("nan", None),
        ("inf", None),
        ("abc", None),
        ("", None),
        (".5", None),
        ("0x1", None),
        ("0_1", None),
        ("٠", None),
        ("00.5", None),
        ("0.1 0", None),
        ("0." + "1" * 22, float("0." + "1" * 22)),
        ("1e0", 1.0),
        ("0.1e1", 1.0),
        ("1E+0", 1.0),
        ("25e-2", 0.25),
        ("1e00000", 1.0),
        ("0." + "1" * 200, float("0." + "1" * 200)),
        ("0." + "1" * 300, None),
        ("0." + "1" * 5000, None),
        ("1" * 5000, None),
    ],
)
def test_a_sample_rate_that_is_no_fraction_is_taken_out(text, kept):
    context = read_headers({"sentry-trace": TRACE, "baggage": f"sentry-release=1,sentry-sample_rate={text}"})
    assert context.parent_sample_rate == kept
    assert ("sample_rate" in context.dynamic_sampling_context) is (kept is not None)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0.225689", "0.225689"),
        ("0.2", "0.200000"),
        ("0", "0.000000"),
        ("0.9999999999", "0.999999"),
        ("0.29", "0.290000"),
        ("0.2999999999999999", "0.299999"),
        ("1e-3", "0.001000"),
        ("0.0098765432109876543", "0.009876"),
        ("0.0000012345678901234567", "0.000001"),
        ("1.2345678901234567e-10", "0.000000"),
        ("25e-2", "0.250000"),
        ("0." + "3" * 30, "0.333333"),
        ("0." + "9" * 30, "0.999999"),
    ],
)
def test_an_incoming_random_number_is_kept_and_cut_to_six_decimals(text, kept):
    context = read_headers({"sentry-trace": TRACE, "baggage": f"sentry-release=1,sentry-sample_rand={text}"})
    assert context.sample_rand == kept
    assert context.dynamic_sampling_context["sample_rand"] == text


@pytest.mark.parametrize("text", ["1", "1.0", "-0.5", "abc", "nan", "1e999", "", "0." + "3" * 300])
@pytest.mark.parametrize(("flag", "low", "high"), [("-1", 0, 0.25), ("-0", 0.25, 1), ("", 0, 1)])
def test_a_missing_random_number_is_made_so_that_it_agrees_with_the_decision(text, flag, low, high):
    for number in range(50):
        trace = f"{number + 1:032x}-{S}{flag}"
        baggage = f"sentry-sample_rate=0.25,sentry-sample_rand={text}"
        context = read_headers({"sentry-trace": trace, "baggage": baggage})
        assert low <= float(context.sample_rand) < high
        assert context.dynamic_sampling_context["sample_rand"] == context.sample_rand


def test_where_no_random_number_can_agree_none_is_made():
    for flag, rate in (("1", "0"), ("0", "1")):
        context = read_headers({"sentry-trace": f"{T}-{S}-{flag}", "baggage": f"sentry-sample_rate={rate}"})
        assert context.sample_rand is None
        assert context.dynamic_sampling_context == {"sample_rate": rate}
