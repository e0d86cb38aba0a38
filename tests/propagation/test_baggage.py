"""The `baggage` header: our members read, written, and put beside those of others."""

import pytest

from instrument.propagation import merge_baggage, read_headers, write_headers

T = "0af7651916cd43dd8448eb211c80319c"
S = "b7ad6b7169203331"


def read(*values):
    """The frozen context without the random number that is added to it."""
    context = read_headers([("sentry-trace", f"{T}-{S}"), *(("baggage", value) for value in values)])
    return {key: value for key, value in context.dynamic_sampling_context.items() if key != "sample_rand"}


def write(members):
    headers = write_headers(trace_id=T, span_id=S, sampled=None, dynamic_sampling_context=members)
    return headers.get("baggage")


@pytest.mark.parametrize(
    ("header", "members"),
    [
        ("sentry-release=1.0", {"release": "1.0"}),
        (" sentry-release = 1.0 ,\tsentry-environment\t=\tprod ", {"release": "1.0", "environment": "prod"}),
        ("sentry-release=1.0;secret;ttl=3 ; x", {"release": "1.0"}),
        ("sentry-foo-bar=x", {"foo-bar": "x"}),
        ("sentry-release=shop%401%2E4,other=1", {"release": "shop@1.4"}),
        ("sentry-release=%zz%4", {"release": "%zz%4"}),
        ("sentry-release=%41%zz", {"release": "A%zz"}),
        ("sentry-release=%%41", {"release": "%%41"}),
        ("sentry-release=%", {"release": "%"}),
        ("sentry-release=a=b", {"release": "a=b"}),
        ("sentry-release=", {"release": ""}),
        ("sentry-release", {}),
        ("sentry-=x", {}),
        ("Sentry-release=x", {}),
        ("sentry-re lease=x", {}),
        ("xsentry-release=x", {}),
        ("vendor=1,other=2", {}),
        (",,,;;;===", {}),
        ("", {}),
        ("sentry-release=1,sentry-release=2", {"release": "2"}),
        ("sentry-transaction=%C3%BCber", {"transaction": "über"}),
        ("sentry-transaction=über", {"transaction": "?ber".replace("?", "�")}),
        ("sentry-transaction=Ã¼ber", {"transaction": "über"}),
        ("sentry-transaction=\udcff", {"transaction": "?"}),
        ("sentry-transaction=%ED%A0%80", {"transaction": "���"}),
    ],
)
def test_our_members_are_read_without_prefix_blanks_and_properties(header, members):
    assert read(header) == members


def test_repeated_headers_count_as_one():
    assert read("sentry-release=1", "vendor=2", "sentry-environment=prod") == {"release": "1", "environment": "prod"}


def test_only_the_first_8192_bytes_of_all_headers_together_are_looked_at():
    filler = "x=" + "y" * 4094
    assert read(filler, filler, "sentry-release=1") == {}
    assert read(filler, "x=" + "y" * 4060, "sentry-release=1") == {"release": "1"}


def test_of_a_longer_header_none_of_our_members_is_taken():
    whole = "sentry-release=1"
    start = "x=" + "y" * (8192 - len(whole) - 3) + ","
    assert len(start + whole) == 8192
    assert read(start + whole) == {"release": "1"}
    assert read(start + whole + ",sentry-dist=2") == {}
    assert read(start + whole + "234") == {}


@pytest.mark.parametrize("ours_first", [True, False])
def test_of_180_members_all_of_ours_are_taken_and_of_more_none(ours_first):
    ours = ["sentry-release=1", "sentry-dist=2"]

    def header(others):
        vendors = [f"k{n}=v" for n in range(others)]
        return ",".join([*ours, *vendors] if ours_first else [*vendors, *ours])

    assert read(header(63)) == read(header(178)) == {"release": "1", "dist": "2"}
    assert read(header(179)) == {}


@pytest.mark.parametrize(
    ("members", "header"),
    [
        ({}, None),
        (None, None),
        ({"release": "1.0", "sampled": "true"}, "sentry-release=1.0,sentry-sampled=true"),
        ({"transaction": "/u/{id}"}, "sentry-transaction=/u/%7Bid%7D"),
        ({"release": "a,b;c=d e%"}, "sentry-release=a%2Cb%3Bc%3Dd%20e%25"),
        ({"release": "a\r\nEvil: 1\x00"}, "sentry-release=a%0D%0AEvil%3A%201%00"),
        ({"release": "über"}, "sentry-release=%C3%BCber"),
        ({"release": "\udcff"}, "sentry-release=%3F"),
        ({"bad\r\nkey": "1", "bad,key": "2", "": "3", "good": "4"}, "sentry-good=4"),
    ],
)
def test_what_goes_out_is_percent_encoded(members, header):
    assert write(members) == header


def test_at_most_8192_bytes_go_out():
    header = write({"a": "x" * 4000, "b": "ü" * 600, "c": "z" * 2000, "d": "short"})
    assert header == f"sentry-a={'x' * 4000},sentry-b={'%C3%BC' * 600},sentry-d=short"
    assert 8000 < len(write({f"k{n}": "v" * 100 for n in range(1000)})) <= 8192
    whole = {"a": "x" * (4096 - len("sentry-a=")), "b": "x" * (4095 - len("sentry-b="))}
    assert len(write(whole)) == 8192
    assert write({**whole, "b": whole["b"] + "x"}) == f"sentry-a={whole['a']}"


def test_a_member_of_more_than_4096_bytes_does_not_go_out():
    longest = "x" * (4096 - len("sentry-a="))
    assert write({"a": longest, "b": "1"}) == f"sentry-a={longest},sentry-b=1"
    assert write({"a": longest + "x", "b": "1"}) == "sentry-b=1"
    assert write({"a": longest + "x"}) is None


def test_at_most_180_members_go_out():
    header = write({f"k{n}": "v" for n in range(181)})
    assert header.count(",") == 179 and header.endswith("sentry-k179=v")


def test_what_was_read_is_written_the_same():
    header = "sentry-trace_id=1,sentry-transaction=GET%20/%7Bid%7D,sentry-foo-bar=%C3%BC,sentry-sample_rand=0.500000"
    context = read_headers({"sentry-trace": f"{T}-{S}-1", "baggage": header})
    assert write(context.dynamic_sampling_context) == header


@pytest.mark.parametrize(
    ("existing", "ours", "merged"),
    [
        (None, None, ""),
        ("", "sentry-a=1", "sentry-a=1"),
        (None, "sentry-a=1", "sentry-a=1"),
        ("vendor=1", None, "vendor=1"),
        ("vendor=1", "sentry-a=1", "vendor=1,sentry-a=1"),
        ("sentry-a=0", "sentry-a=1", "sentry-a=1"),
        ("sentry-a=0,vendor=1;p=2, sentry-b=2 ,other=2", "sentry-a=1", "vendor=1;p=2,other=2,sentry-a=1"),
        ("sentry-a=0,vendor=1", None, "vendor=1"),
        ("sentry-a=0", "", ""),
        ("Sentry-a=0,xsentry-b=1", "sentry-a=1", "Sentry-a=0,xsentry-b=1,sentry-a=1"),
        (" ,", "sentry-a=1", "sentry-a=1"),
    ],
)
def test_others_members_stay_and_our_old_ones_go(existing, ours, merged):
    assert merge_baggage(existing, ours) == merged


def test_the_callers_own_baggage_is_never_cut_for_ours():
    theirs = "vendor=" + "x" * 8180
    assert merge_baggage(theirs, "sentry-a=1") == theirs
