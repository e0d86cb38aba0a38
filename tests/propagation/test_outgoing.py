"""What a request, a page or a child process is given so that the trace goes on there."""

import html.parser
import re

import pytest

from instrument.propagation import (
    html_meta,
    is_target,
    read_environment,
    read_headers,
    write_environment,
    write_headers,
)

T = "0af7651916cd43dd8448eb211c80319c"
S = "b7ad6b7169203331"
CONTEXT = {"trace_id": T, "sample_rate": "0.5", "transaction": "GET /{id}"}
HEADERS = write_headers(trace_id=T, span_id=S, sampled=True, dynamic_sampling_context=CONTEXT, tracestate="a=1")


def test_a_request_is_given_both_formats():
    written = write_headers(trace_id=T, span_id=S, sampled=True, dynamic_sampling_context=CONTEXT, tracestate="a=1")
    assert written == {
        "sentry-trace": f"{T}-{S}-1",
        "baggage": f"sentry-trace_id={T},sentry-sample_rate=0.5,sentry-transaction=GET%20/%7Bid%7D",
        "traceparent": f"00-{T}-{S}-01",
        "tracestate": "a=1",
    }


@pytest.mark.parametrize(
    ("formats", "names"),
    [((), []), (("sentry",), ["sentry-trace", "baggage"]), (("w3c",), ["traceparent", "tracestate"])],
)
def test_only_the_formats_asked_for_are_written(formats, names):
    written = write_headers(
        trace_id=T, span_id=S, sampled=None, dynamic_sampling_context=CONTEXT, tracestate="a=1", formats=formats
    )
    assert list(written) == names


def test_what_is_written_is_read_as_the_same_trace():
    for shape in (
        HEADERS,
        list(HEADERS.items()),
        {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in HEADERS.items()},
    ):
        context = read_headers(shape)
        assert (context.trace_id, context.parent_span_id, context.sampled, context.tracestate) == (T, S, True, "a=1")
        assert CONTEXT.items() <= context.dynamic_sampling_context.items()


def test_a_change_of_the_context_is_seen_in_the_next_headers():
    context = dict(CONTEXT)
    write_headers(trace_id=T, span_id=S, sampled=True, dynamic_sampling_context=context)
    context["sample_rate"] = "0.75"
    headers = write_headers(trace_id=T, span_id=S, sampled=True, dynamic_sampling_context=context)
    assert "sentry-sample_rate=0.75" in headers["baggage"]


class Page(html.parser.HTMLParser):
    """Every tag of a page, with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_a_page_carries_the_trace_in_meta_tags():
    text = html_meta(HEADERS)
    assert text.splitlines()[0] == f'<meta name="sentry-trace" content="{T}-{S}-1">'
    assert [attrs["name"] for _, attrs in Page(text).tags] == ["sentry-trace", "baggage", "traceparent"]
    assert html_meta({}) == html_meta({"baggage": ""}) == ""


def test_what_a_page_carries_cannot_leave_its_tag():
    hostile = "\"'><script>alert(1)</script>&amp;"
    page = Page(html_meta({"sentry-trace": hostile, "baggage": hostile}))
    assert page.tags == [
        ("meta", {"name": "sentry-trace", "content": hostile}),
        ("meta", {"name": "baggage", "content": hostile}),
    ]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (None, True),
        ([], False),
        (["shop.example"], True),
        (["other", "shop"], True),
        (["other"], False),
        ([".*"], False),
        (["https://shop.example/api"], True),
        ([re.compile(r"^https://shop\.")], True),
        ([re.compile(r"example/$")], False),
        ([re.compile(".*")], True),
        ((re.compile("nowhere"), "api/v1"), True),
    ],
)
def test_headers_go_only_to_targets(targets, expected):
    assert is_target("https://shop.example/api/v1", targets) is expected


def test_a_child_process_continues_the_trace_from_its_environment():
    variables = write_environment(HEADERS)
    assert variables == {"SENTRY_TRACE": HEADERS["sentry-trace"], "SENTRY_BAGGAGE": HEADERS["baggage"]}
    context = read_environment(variables)
    assert (context.trace_id, context.parent_span_id, context.parent_sample_rate) == (T, S, 0.5)


def test_a_child_does_not_get_the_baggage_of_an_earlier_trace():
    inherited = {"SENTRY_TRACE": f"{'1' * 32}-{S}-1", "SENTRY_BAGGAGE": "sentry-release=old"}
    headers = write_headers(trace_id=T, span_id=S, sampled=True, dynamic_sampling_context={})
    context = read_environment({**inherited, **write_environment(headers)})
    assert (context.trace_id, context.dynamic_sampling_context) == (T, {})


def test_without_a_trace_nothing_is_put_into_the_environment():
    assert write_environment({"traceparent": f"00-{T}-{S}-01"}) == write_environment({}) == {}
    assert read_environment({}) is None
    assert read_environment({"SENTRY_BAGGAGE": "sentry-release=1"}) is None


@pytest.mark.parametrize("word", ["false", "no", "off", "n", "0", "False", "NO", " off "])
def test_the_environment_can_be_told_not_to_count(word):
    assert read_environment({**write_environment(HEADERS), "SENTRY_USE_ENVIRONMENT": word}) is None


@pytest.mark.parametrize("word", ["true", "yes", "1", "", "whatever"])
def test_the_environment_counts_otherwise(word):
    assert read_environment({**write_environment(HEADERS), "SENTRY_USE_ENVIRONMENT": word}) is not None


def test_the_environments_trace_obeys_the_organisation_too():
    variables = {"SENTRY_TRACE": f"{T}-{S}-1", "SENTRY_BAGGAGE": "sentry-org_id=2"}
    assert read_environment(variables, org_id="1") is None
    assert read_environment(variables, strict=True) is None
    assert read_environment(variables, org_id="2", strict=True) is not None
