"""W3C's `traceparent` and `tracestate`, read and written."""

import pytest

from instrument.propagation import read_headers, write_headers

T = "0af7651916cd43dd8448eb211c80319c"
S = "b7ad6b7169203331"
PARENT = f"00-{T}-{S}-01"


def state(value, parent=PARENT):
    return read_headers([("traceparent", parent), ("tracestate", value)]).tracestate


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (PARENT, True),
        (f"00-{T}-{S}-00", False),
        (f"00-{T}-{S}-02", False),
        (f"00-{T}-{S}-03", True),
        (f"00-{T}-{S}-ff", True),
        (f" {PARENT}\t", True),
        (f"01-{T}-{S}-01", True),
        (f"cc-{T}-{S}-00-what-the-future-will-be-like", False),
        (f"cc-{T}-{S}-01-", True),
    ],
)
def test_a_valid_traceparent_continues_the_trace(header, sampled):
    context = read_headers({"traceparent": header})
    assert (context.trace_id, context.parent_span_id, context.sampled) == (T, S, sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"ff-{T}-{S}-01",
        f"00-{T}-{S}-01-extra",
        f"00-{T}-{S}-01-",
        f"01-{T}-{S}-01x",
        f"01-{T}-{S}-01.x",
        f"00-{'0' * 32}-{S}-01",
        f"00-{T}-{'0' * 16}-01",
        PARENT.upper(),
        f"00-{T}-{S}",
        f"00-{T}-{S}-1",
        f"0-{T}-{S}-01",
        f"00_{T}_{S}_01",
        f"{PARENT},{PARENT}",
        f"{PARENT}\n",
        f"01-{T}-{S}-01-" + "x" * 5000,
    ],
)
def test_an_invalid_traceparent_is_ignored_and_tracestate_with_it(header):
    assert read_headers({"traceparent": header, "tracestate": "a=1"}) is None


def test_two_traceparents_are_none():
    assert read_headers([("traceparent", PARENT), ("Traceparent", PARENT)]) is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        (" a=1 ,\tb=2 ", "a=1,b=2"),
        ("a=1,,b=2,", "a=1,b=2"),
        ("fw529a3039@dt=FfffBw*-/_", "fw529a3039@dt=FfffBw*-/_"),
        ("0a=with blank inside", "0a=with blank inside"),
        ("a" * 256 + "=" + "v" * 255, "a" * 256 + "=" + "v" * 255),
        ("", None),
        (" , ,", None),
    ],
)
def test_a_valid_tracestate_is_kept(given, kept):
    assert state(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "a",
        "a=",
        "=1",
        "a=1,b",
        "A=1",
        "a b=1",
        "a =1",
        "a=1=2",
        "a=1,a=2",
        "a=\x07",
        "a=é",
        "a=1\r\nevil: 1",
        "a@b@c=1",
        "a@=1",
        "@a=1",
        "a@9=1",
        "a" * 257 + "=1",
        "a@" + "b" * 15 + "=1",
        "a=" + "v" * 257,
        ",".join(f"k{n}=1" for n in range(33)),
    ],
)
def test_a_tracestate_with_one_bad_member_is_dropped_whole_and_the_trace_continues(given):
    assert state(given) is None


def test_thirty_two_members_are_kept():
    value = ",".join(f"k{n}=1" for n in range(32))
    assert state(value) == value


def test_of_a_long_tracestate_the_members_in_the_first_512_characters_are_kept():
    members = [f"k{n:02d}=" + "v" * 60 for n in range(20)]
    assert state(",".join(members)) == ",".join(members[:7])
    exact = ["a=" + "v" * 254, "b=" + "v" * 253]
    assert len(",".join(exact)) == 512
    assert state(",".join([*exact, "c=1"])) == ",".join(exact)


def test_several_tracestates_are_joined_in_their_order():
    headers = [("traceparent", PARENT), ("tracestate", "a=1"), ("Tracestate", "b=2")]
    assert read_headers(headers).tracestate == "a=1,b=2"


@pytest.mark.parametrize(("sampled", "flags"), [(True, "01"), (False, "00"), (None, "00")])
def test_undecided_is_written_as_not_sampled(sampled, flags):
    headers = write_headers(trace_id=T, span_id=S, sampled=sampled, dynamic_sampling_context=None, formats=("w3c",))
    assert headers == {"traceparent": f"00-{T}-{S}-{flags}"}


def test_tracestate_goes_out_as_it_came_in():
    context = read_headers({"traceparent": PARENT, "tracestate": "a=1, b=2"})
    headers = write_headers(
        trace_id=T, span_id=S, sampled=True, dynamic_sampling_context={}, tracestate=context.tracestate
    )
    assert headers["tracestate"] == "a=1,b=2"


@pytest.mark.parametrize("value", ["a=1\r\nevil: 1", "a=é", "a=" + "v" * 600, "\x00", ""])
def test_a_tracestate_that_nobody_checked_does_not_go_out(value):
    headers = write_headers(trace_id=T, span_id=S, sampled=True, dynamic_sampling_context=None, tracestate=value)
    assert "tracestate" not in headers


def test_tracestate_is_kept_beside_sentry_trace_only_when_both_speak_of_the_same_trace():
    headers = {"sentry-trace": f"{T}-{S}-1", "traceparent": PARENT, "tracestate": "a=1"}
    assert read_headers(headers).tracestate == "a=1"
    assert read_headers({**headers, "traceparent": f"00-{'1' * 32}-{S}-01"}).tracestate is None
    assert read_headers({**headers, "traceparent": ""}).tracestate is None
    assert read_headers(headers, formats=("sentry",)).tracestate is None
