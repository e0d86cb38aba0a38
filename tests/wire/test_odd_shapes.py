"""What a program or a hook puts in a place where it does not belong costs that value, never the item."""

import json

import pytest

import instrument
from instrument.exporters import Memory
from instrument.recording.values import put, put_group
from instrument.wire import EnvelopeCodec, encode_event
from instrument.wire.otlp import OtlpCodec
from tests.relay_check import assert_relay_accepts, assert_relay_is_content
from tests.wire.given import GivenSpan, error, transaction
from tests.wire.test_otlp import ENCODINGS, attributes_of, sent, spans_of

CODECS = [EnvelopeCodec(), *map(OtlpCodec, ENCODINGS)]
ODD = ["text", 5, None, ["a"], True]


def recorded(work):
    memory = Memory()
    instrument.init(exporter=memory, default_integrations=False)
    with instrument.transaction("job", "nightly") as running:
        work(running)
    return memory.transactions[0]


def measure(running):
    for number in range(300):
        running.set_measurement(f"m{number}", number)


def give_contexts(running):
    for number in range(300):
        running.set_context(f"c{number}", {"a": number})
    running.set_http_status(200)


def give_contexts_to_the_scope(running):
    for number in range(300):
        instrument.set_context(f"c{number}", {"a": number})


def test_of_too_many_measurements_199_arrive():
    item = recorded(measure)
    payload = json.loads(encode_event(item))
    assert_relay_accepts(payload)
    assert payload["measurements"] == {f"m{number}": {"value": number, "unit": ""} for number in range(199)}
    assert item.measurements["..."] == {"left_out": 101}
    (root,) = spans_of(sent(item))
    assert attributes_of(root)["m0"] == 0
    assert not [name for name in attributes_of(root) if name.startswith("...")]


@pytest.mark.parametrize("give", [give_contexts, give_contexts_to_the_scope])
def test_of_too_many_contexts_199_arrive_and_the_rest_is_counted(give):
    item = recorded(give)
    payload = json.loads(encode_event(item))
    assert_relay_is_content(payload)
    given = {name: context for name, context in payload["contexts"].items() if name[0] == "c"}
    assert given == {f"c{number}": {"a": number} for number in range(199)}
    assert payload["contexts"]["..."] == {"left_out": 102 if give is give_contexts else 101}
    for encoding in ENCODINGS:
        (root,) = spans_of(sent(item, encoding=encoding))
        assert attributes_of(root)["c0.a"] == 0


@pytest.mark.parametrize("held", ODD)
def test_a_program_may_use_the_name_of_the_remark(held):
    full = {**{str(number): 1 for number in range(198)}, "...": held}
    put(full, "one", 1)
    put(full, "two", 1)
    assert full["..."] == "2 more"
    groups = {**{str(number): {} for number in range(198)}, "...": {"left_out": held}}
    put_group(groups, "one", {})
    assert groups["..."]["left_out"] == (6 if held == 5 and held is not True else 1)


@pytest.mark.parametrize("codec", CODECS, ids=["envelope", *ENCODINGS])
@pytest.mark.parametrize("odd", ODD)
def test_what_should_be_a_mapping_and_is_none_is_left_out(codec, odd):
    span = GivenSpan(data=odd, tags=odd, measurements=odd)
    about = {"contexts": {"a": odd, "b": {"c": 1}}, "measurements": {"m": odd, "n": {"value": 2, "unit": ""}}}
    for item in (transaction(span, **about), error(message="m", contexts=about["contexts"])):
        ((_, record),) = codec.records(item)
        assert b'"text"' not in record
    assert b"a.c" not in record


@pytest.mark.parametrize("odd", ODD)
def test_a_context_that_is_no_object_never_leaves_for_a_sentry_server(odd):
    payload = json.loads(encode_event(error(message="m", contexts={"a": odd, "b": {"c": 1}})))
    assert set(payload["contexts"]) == {"b", "trace"}


@pytest.mark.parametrize(
    ("given", "arrives"),
    [
        *[(word, word) for word in ("custom", "url", "route", "view", "component", "task")],
        *[("weird\n", "custom"), ("graphql", "custom"), ("", "custom"), (5, "custom"), (None, "custom")],
    ],
)
def test_the_source_of_a_name_is_one_that_the_server_knows(given, arrives):
    assert json.loads(encode_event(transaction(source=given)))["transaction_info"] == {"source": arrives}
    caught = error(message="m", transaction="t", transaction_source=given)
    assert json.loads(encode_event(caught))["transaction_info"] == {"source": arrives}
    (root,) = spans_of(sent(transaction(source=given)))
    assert attributes_of(root)["sentry.segment.name.source"] == arrives


@pytest.mark.parametrize("name", ["email", "name", "segment"])
@pytest.mark.parametrize(("given", "arrives"), [(5, "5"), (1.5, "1.5"), (True, "True"), ("x", "x")])
def test_what_the_server_takes_of_a_user_as_text_only_is_text(name, given, arrives):
    user = {"id": 7, name: given}
    payload = json.loads(encode_event(error(message="m", user=user)))
    assert payload["user"] == {"id": 7, name: arrives}
    assert_relay_is_content(payload)
    assert user == {"id": 7, name: given}


@pytest.mark.parametrize("letter", ["x", "é", "\U00010000"])
def test_a_long_release_and_environment_are_cut_where_the_server_cuts(letter):
    payload = json.loads(encode_event(error(message="m", release=letter * 300, environment=letter * 300)))
    assert_relay_accepts(payload)
    assert (len(payload["release"].encode()), len(payload["environment"].encode())) == (200, 64)
