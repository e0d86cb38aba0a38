"""The `sentry-trace` header, read and written."""

import pytest

from instrument.propagation import read_headers, write_headers

T = "0af7651916cd43dd8448eb211c80319c"
S = "b7ad6b7169203331"

ACCEPTED = {
    f"{T}-{S}-1": True,
    f"{T}-{S}-0": False,
    f"{T}-{S}": None,
    f"{T}-{S}-": None,
    f" \t{T}-{S}-1  ": True,
    f"{T.upper()}-{S.upper()}-1": True,
    f"{T}-{S}-1,{'1' * 32}-{S}-0": True,
    f"nonsense, {T}-{S}-0": False,
    f",,,{T}-{S}-1": True,
}

REFUSED = [
    "",
    " ",
    T,
    f"{T}-1",
    "1",
    "0",
    "-",
    f"{'0' * 32}-{S}-1",
    f"{T}-{'0' * 16}-1",
    f"00-{T}-{S}-00",
    f"00-{T}-{S}-01",
    f"{T}-{S}-2",
    f"{T}-{S}-11",
    f"{T}-{S}-1-1",
    f"{T}a-{S}-1",
    f"{T[1:]}-{S}-1",
    f"{T}-{S}a-1",
    f"{T}-{S[1:]}-1",
    f"{T}-{S}-1\n",
    f"{T}-{S}-1\x00",
    f"{T}\r\n-{S}-1",
    f"g{T[1:]}-{S}-1",
    f"{'٣' * 32}-{S}-1",
    f"{T}_{S}_1",
]


@pytest.mark.parametrize(("header", "sampled"), ACCEPTED.items())
def test_a_header_with_both_ids_continues_the_trace(header, sampled):
    context = read_headers({"sentry-trace": header}, formats=("sentry",))
    assert (context.trace_id, context.parent_span_id, context.sampled) == (T, S, sampled)


@pytest.mark.parametrize("header", REFUSED)
def test_a_header_without_two_whole_ids_begins_a_trace_of_our_own(header):
    assert read_headers({"sentry-trace": header, "baggage": f"sentry-trace_id={T}"}) is None


@pytest.mark.parametrize(("sampled", "flag"), [(True, "-1"), (False, "-0"), (None, "")])
def test_no_decision_is_written_as_no_flag(sampled, flag):
    headers = write_headers(trace_id=T, span_id=S, sampled=sampled, dynamic_sampling_context=None)
    assert headers["sentry-trace"] == f"{T}-{S}{flag}"
    assert read_headers(headers).sampled is sampled
