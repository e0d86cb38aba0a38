"""Whatever a stranger sends: no exception, bounded work, and nothing dangerous sent on."""

import importlib
import pkgutil
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import instrument.propagation as door
from instrument.propagation import TraceContext, html_meta, merge_baggage, read_headers, write_headers

if sys.version_info >= (3, 11):
    from re import _parser as parser
else:
    import sre_parse as parser

T = "0af7651916cd43dd8448eb211c80319c"
S = "b7ad6b7169203331"
TRACE = f"{T}-{S}-1"
NAMES = ("sentry-trace", "baggage", "traceparent", "tracestate")
ALLOWED = re.compile(r"[!-~ ]*")

OURS = ["sentry-", "sentry-trace_id=", "sentry-sample_rate=", "sentry-sample_rand=", "sentry-org_id=", "a=1"]
MARKS = [
    T,
    S,
    "-",
    "1",
    "0",
    "00-",
    "-01",
    ",",
    ";",
    "=",
    "%",
    "%0d%0a",
    "%zz",
    "1e999",
    "nan",
    " ",
    "\t",
    "\r\n",
    "\x00",
]
PIECES = st.sampled_from([*OURS, *MARKS, "é", "\udcff"])
TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join), st.just(TRACE), st.just(f"00-{T}-{S}-01"))
VALUES = st.one_of(TEXTS, st.binary(), st.lists(st.one_of(TEXTS, st.binary(), st.none()), max_size=5), st.none())


def is_harmless(headers):
    return all(
        name in NAMES and ALLOWED.fullmatch(value) and len(value.encode()) <= 8192 for name, value in headers.items()
    )


def sent_on(context):
    """The headers of a request made inside a trace that came in."""
    return write_headers(
        trace_id=context.trace_id,
        span_id=S,
        sampled=context.sampled,
        dynamic_sampling_context=context.dynamic_sampling_context,
        tracestate=context.tracestate,
    )


@given(VALUES, VALUES, VALUES, VALUES, st.sampled_from([None, "1"]), st.booleans())
def test_any_headers_are_read_without_an_exception_and_sent_on_harmless(trace, baggage, parent, state, org_id, strict):
    pairs = list(zip(NAMES, (trace, baggage, parent, state), strict=True))
    environ = {"REQUEST_METHOD": "GET", **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in pairs}}
    contexts = [read_headers(shape, org_id=org_id, strict=strict) for shape in (pairs, dict(pairs), environ)]
    assert contexts[0] == contexts[1] == contexts[2]
    context = contexts[0]
    if context is not None:
        assert re.fullmatch("[0-9a-f]{32}", context.trace_id) and re.fullmatch("[0-9a-f]{16}", context.parent_span_id)
        assert context.sample_rand is None or re.fullmatch(r"0\.[0-9]{6}", context.sample_rand)
        assert context.parent_sample_rate is None or 0 <= context.parent_sample_rate <= 1
        headers = sent_on(context)
        assert is_harmless(headers)
        assert (read_headers(headers).trace_id, read_headers(headers).sampled) == (context.trace_id, context.sampled)
        str(context.dynamic_sampling_context).encode()
        html_meta(headers)


@given(st.dictionaries(st.text(), st.text()))
def test_any_sampling_context_is_written_harmless(context):
    assert is_harmless(write_headers(trace_id=T, span_id=S, sampled=None, dynamic_sampling_context=context))


@given(TEXTS, TEXTS)
def test_any_baggage_is_merged(existing, ours):
    assert isinstance(merge_baggage(existing, ours), str)


BOMBS = {
    "blanks": {"sentry-trace": " " * 4_000_000},
    "blanks before a value": {"sentry-trace": " " * 4_000_000 + TRACE},
    "hex": {"sentry-trace": "a" * 4_000_000},
    "commas": {"sentry-trace": "," * 4_000_000},
    "parents": {"traceparent": "00-" + "a" * 4_000_000},
    "states": {"traceparent": f"00-{T}-{S}-01", "tracestate": "a=1," * 1_000_000},
    "blanks in states": {"traceparent": f"00-{T}-{S}-01", "tracestate": "a= " + " " * 4_000_000 + "x"},
    "members": {"sentry-trace": TRACE, "baggage": ",".join(f"sentry-k{n}=v" for n in range(300_000))},
    "blanks in members": {"sentry-trace": TRACE, "baggage": "sentry-a=" + " " * 4_000_000 + "x"},
    "percents": {"sentry-trace": TRACE, "baggage": "sentry-a=" + "%" * 4_000_000},
    "escapes": {"sentry-trace": TRACE, "baggage": "sentry-a=" + "%41" * 2_000_000},
    "one long member": {"sentry-trace": TRACE, "baggage": "sentry-a=" + "x" * 4_000_000},
    "headers": [("sentry-trace", TRACE), *[("baggage", f"sentry-k{n}={'v' * 90}") for n in range(100_000)]],
    "names": [("x" * 1_000_000, "1")] * 100,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_of_megabytes_is_read_at_once_and_leaves_little(name):
    """With a square of its size as its price this would not end today."""
    context = read_headers(BOMBS[name])
    if context is not None:
        kept = context.dynamic_sampling_context
        assert len(kept) <= 181 and sum(len(key) + len(value) for key, value in kept.items()) <= 8192
        assert len(context.tracestate or "") <= 512
        assert is_harmless(sent_on(context))


def test_headers_beyond_the_first_thousand_are_not_looked_at():
    looked_at = []

    def many():
        for number in range(10_000):
            looked_at.append(number)
            yield (f"x-{number}", "1")

    assert read_headers(many()) is None
    assert len(looked_at) == 1000


def test_of_one_header_no_more_is_copied_than_is_looked_at():
    class Counted(str):
        longest = 0

        def __getitem__(self, key):
            found = str.__getitem__(self, key)
            Counted.longest = max(Counted.longest, len(found))
            return found

    assert read_headers({"sentry-trace": TRACE, "baggage": Counted("sentry-a=1," * 100_000)}) is not None
    assert 0 < Counted.longest <= 8193


PATTERNS = [
    (module.name, pattern)
    for module in pkgutil.iter_modules(door.__path__)
    for pattern in vars(importlib.import_module(f"{door.__name__}.{module.name}")).values()
    if isinstance(pattern, re.Pattern)
]


@pytest.mark.parametrize(("module", "pattern"), PATTERNS)
def test_no_expression_has_two_unbounded_repeats(module, pattern):
    assert str(parser.parse(pattern.pattern)).count("MAXREPEAT") <= 1, module


def test_the_check_of_expressions_would_see_two():
    assert str(parser.parse(r"^\s*[0-9]+\s*$")).count("MAXREPEAT") == 3
    assert len(PATTERNS) >= 5


class Broken:
    """A mapping that fails when it is asked."""

    def items(self):
        raise OSError("gone")


@pytest.mark.parametrize("headers", [Broken(), 17, "text", [("one",)], [None], object()], ids=type)
def test_headers_that_are_none_begin_a_trace_of_our_own(headers, monkeypatch):
    monkeypatch.setattr("instrument._guard.strict", False)
    assert read_headers(headers) is None


def test_a_context_is_a_value():
    context = TraceContext(T)
    assert context == TraceContext(T) and context.dynamic_sampling_context is None
    assert context.parent_sample_rate is None
    with pytest.raises(AttributeError):
        context.trace_id = "x"
