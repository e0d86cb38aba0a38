"""What a trace tells others of itself: the sampling context, once it is frozen, in headers and in events."""

import copy
import pickle
import threading

import pytest

import instrument
from instrument.exporters import Memory, Sentry
from instrument.testing import record

T = "0af7651916cd43dd8448eb211c80319c"
S = "b7ad6b7169203331"
PROJECT = "http://publickey@o1.localhost:9/7"


@pytest.fixture
def memory():
    memory = Memory()
    instrument.init(exporter=memory)
    return memory


def members():
    """Our members of the baggage that goes out here."""
    return dict(member.split("=") for member in instrument.trace_headers()["baggage"].split(","))


@pytest.mark.parametrize("given", [lambda project: project, lambda project: [project]])
def test_a_project_given_as_an_exporter_is_the_one_that_the_trace_names(given, tmp_path):
    kept = Memory()
    one = given(Sentry(PROJECT))
    instrument.init(exporter=[kept, *(one if isinstance(one, list) else [one])], spool_dir=tmp_path)
    with instrument.transaction("job", "nightly"):
        told = members()
    assert (told["sentry-public_key"], told["sentry-org_id"]) == ("publickey", "1")
    context = kept.transactions[0].dynamic_sampling_context
    assert (context["public_key"], context["org_id"]) == ("publickey", "1")


def test_a_trace_of_another_organisation_than_the_exporters_is_not_continued(tmp_path):
    instrument.init(exporter=Sentry(PROJECT), spool_dir=tmp_path)
    for organisation, continues in (("1", True), ("2", False)):
        headers = {"sentry-trace": f"{T}-{S}-1", "baggage": f"sentry-trace_id={T},sentry-org_id={organisation}"}
        with instrument.transaction("job", "nightly", headers=headers) as transaction:
            assert (transaction.trace_id == T) is continues


def test_a_random_number_that_cannot_be_leaves_the_decision_to_chance():
    """A decision of "no" at a rate of 1 leaves no number; a sampler of ours decides by one of its own."""
    instrument.init(exporter=Memory(), traces_sampler=lambda context: 0.5)
    sampled = 0
    for number in range(1, 201):
        headers = {"sentry-trace": f"{number:032x}-{S}-0", "baggage": "sentry-sample_rate=1.0,sentry-public_key=k"}
        with instrument.transaction("job", "nightly", headers=headers) as transaction:
            told = members()
        sampled += bool(transaction.sampled)
        assert (float(told["sentry-sample_rand"]) < float(told["sentry-sample_rate"])) is transaction.sampled
    assert 50 < sampled < 150


def test_without_a_decision_of_ours_the_number_that_cannot_be_stays_unset(memory):
    headers = {"sentry-trace": f"{T}-{S}-0", "baggage": "sentry-sample_rate=1.0,sentry-public_key=k"}
    with instrument.transaction("job", "nightly", headers=headers):
        assert "sentry-sample_rand" not in members()


def test_what_goes_along_is_within_the_servers_limits_as_the_event_is():
    memory = Memory()
    instrument.init(exporter=memory, release="shop/1.4\n", environment="a/b")
    with instrument.transaction("job", f" {'n' * 3000} "):
        told = members()
    assert (told["sentry-release"], told["sentry-environment"]) == ("shop-1.4", "a-b")
    assert told["sentry-transaction"] == "n" * 197 + "..."
    assert memory.transactions[0].dynamic_sampling_context["transaction"] == "n" * 197 + "..."
    instrument.init(exporter=memory, environment="none")
    with instrument.transaction("job", "nightly"):
        assert not {"sentry-environment", "sentry-release"} & members().keys()


def test_a_secret_at_the_limit_of_a_name_is_not_cut_in_two(memory):
    secret = "AKIAIOSFODNN7EXAMPLE"
    with instrument.transaction("job", "n" * 189 + " " + secret + " " + "n" * 100):
        assert "AKIA" not in members()["sentry-transaction"]
    assert "AKIA" not in memory.transactions[0].dynamic_sampling_context["transaction"]


def test_secrets_in_a_release_go_nowhere():
    memory = Memory()
    instrument.init(exporter=memory, release="https://me:sesame@host/shop", environment="https://me:sesame@host")
    with instrument.transaction("job", "nightly"):
        told = members()
    context = memory.transactions[0].dynamic_sampling_context
    assert "sesame" not in repr((told, context))
    assert "sentry-release" in told and "release" in context


def test_nor_do_they_under_a_test():
    with record(release="https://me:sesame@host/shop"), instrument.transaction("job", "nightly"):
        assert "sesame" not in members()["sentry-release"]


def fail(name="nightly", rename=None, headers=None, span=True):
    """The exception that a transaction failed with."""
    try:
        with instrument.transaction("job", name, headers=headers) as transaction:
            try:
                if span:
                    with instrument.span("inner"):
                        raise RuntimeError("late")
                raise RuntimeError("late")
            finally:
                if rename is not None:
                    transaction.set_name(rename)
    except RuntimeError as error:
        return error


@pytest.mark.parametrize("span", [True, False])
def test_an_error_captured_after_its_transaction_has_the_context_of_its_trace(memory, span):
    error = fail(rename="in the end", span=span)
    instrument.capture_exception(error)
    (event,), (transaction,) = memory.errors, memory.transactions
    assert event.trace_id == transaction.trace_id
    assert event.dynamic_sampling_context == transaction.dynamic_sampling_context
    assert event.dynamic_sampling_context["transaction"] == "in the end"


def test_so_has_one_of_a_trace_that_is_not_recorded():
    memory = Memory()
    instrument.init(exporter=memory, traces_sample_rate=0)
    instrument.capture_exception(fail(span=False))
    (event,) = memory.errors
    assert event.dynamic_sampling_context["trace_id"] == event.trace_id
    assert event.dynamic_sampling_context["sampled"] == "false"


def test_so_has_one_of_a_trace_that_came_in(memory):
    baggage = f"sentry-trace_id={T},sentry-public_key=k,sentry-sample_rand=0.500000"
    instrument.capture_exception(fail(headers={"sentry-trace": f"{T}-{S}-1", "baggage": baggage}))
    assert memory.errors[0].dynamic_sampling_context == {
        "trace_id": T,
        "public_key": "k",
        "sample_rand": "0.500000",
    }
    instrument.capture_exception(fail(headers={"sentry-trace": f"{T}-{S}-1"}))
    assert memory.errors[1].dynamic_sampling_context is None


def test_so_has_one_that_another_thread_captures(memory):
    error = fail()
    thread = threading.Thread(target=instrument.capture_exception, args=(error,))
    thread.start()
    thread.join(20)
    assert memory.errors[0].dynamic_sampling_context == memory.transactions[0].dynamic_sampling_context


def test_what_an_error_carries_of_its_trace_is_plain(memory):
    error = fail()
    assert type(pickle.loads(pickle.dumps(error))) is RuntimeError
    assert type(copy.copy(error)) is RuntimeError


def test_an_error_tells_the_state_that_other_vendors_gave_the_trace(memory):
    headers = {"traceparent": f"00-{T}-{S}-01", "tracestate": "vendor=1"}
    with instrument.transaction("job", "nightly", headers=headers):
        instrument.capture_message("look here")
    instrument.capture_message("elsewhere")
    assert [event.tracestate for event in memory.errors] == ["vendor=1", None]
