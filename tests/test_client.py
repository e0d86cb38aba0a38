"""The client: stages in order, what they drop, what hooks do, and the books."""

import pytest

import instrument
from instrument import capture_exception, capture_message, span, start_transaction, transaction
from instrument.exporters import Memory
from instrument.testing import record


def test_before_send_changes_an_error():
    def hook(event, hint):
        event.message = event.message.upper()
        event.tags["seen"] = "yes"
        return event

    with record(before_send=hook) as recorded:
        assert capture_message("hello")
    assert (recorded.errors[0].message, recorded.errors[0].tags) == ("HELLO", {"seen": "yes"})


@pytest.mark.parametrize("answer", [None, 7])
def test_before_send_drops_an_error_and_the_books_say_so(answer):
    with record(before_send=lambda event, hint: answer) as recorded:
        assert capture_message("hello") is None
    assert recorded.errors == []
    assert recorded.stats().errors.dropped == {"before_send": 1}
    assert recorded.stats().balanced


def test_a_hook_that_raises_drops_and_never_reaches_the_program():
    def hook(event, hint):
        raise RuntimeError("bug of the user's")

    with record(before_send=hook, before_send_transaction=hook) as recorded:
        assert capture_message("hello") is None
        with transaction("a", "b"), span("c"):
            pass
    counted = recorded.stats()
    assert counted.errors.dropped == counted.transactions.dropped == {"before_send": 1}
    assert counted.spans.dropped == {"before_send": 2}
    assert counted.balanced


def test_capturing_inside_a_hook_does_not_recurse():
    def hook(event, hint):
        assert capture_message("again") is None
        return event

    with record(before_send=hook) as recorded:
        capture_message("once")
    assert [event.message for event in recorded.errors] == ["once"]


def test_each_hook_sees_its_own_kind_of_item():
    seen = []

    def watch(item, hint):
        seen.append(item.kind)
        return item

    for option in ("before_send", "before_send_transaction"):
        with record(**{option: watch}), transaction("job", "nightly"):
            capture_message("here")
    assert seen == ["error", "transaction"]


def test_before_send_transaction_may_take_spans_out_and_they_are_counted():
    def hook(event, hint):
        event.spans = event.spans[:1]
        return event

    with record(before_send_transaction=hook) as recorded, transaction("a", "b"):
        for _ in range(3):
            with span("c"):
                pass
    assert len(recorded.transactions[0].spans) == 1
    assert recorded.stats().spans.dropped == {"before_send": 2}
    assert recorded.stats().balanced


def test_a_hook_for_breadcrumbs_changes_and_drops_them_and_one_that_raises_drops():
    def hook(crumb, hint):
        if crumb["message"] == "bug":
            raise RuntimeError("bug of the user's")
        return None if crumb["message"] == "drop" else {**crumb, "message": crumb["message"].upper()}

    with record(before_breadcrumb=hook) as recorded:
        for message in ("keep", "drop", "bug"):
            instrument.add_breadcrumb(message=message)
        capture_message("x")
    assert [crumb["message"] for crumb in recorded.errors[0].breadcrumbs] == ["KEEP"]


def test_the_hint_has_the_exception():
    hints = []
    with record(before_send=lambda event, hint: hints.append(hint) or event):
        try:
            raise ValueError("no")
        except ValueError as error:
            capture_exception()
            assert hints[0]["exc_info"][1] is error


@pytest.mark.parametrize("ignored", [ValueError, "ValueError", "builtins.ValueError", Exception])
def test_ignored_errors_are_not_sent(ignored):
    with record(ignore_errors=[ignored]) as recorded:
        assert capture_exception(ValueError("no")) is None
        capture_exception(KeyboardInterrupt())
    assert [event.exceptions[-1]["type"] for event in recorded.errors] == ["KeyboardInterrupt"]
    assert recorded.stats().errors.dropped == {"event_processor": 1}


def test_health_checks_and_ignored_transactions_are_not_sent():
    with record(ignore_transactions=["internal"]) as recorded:
        for name in ("GET /health", "/healthz", "GET /internal/x", "GET /users"):
            start_transaction("http.server", name).finish()
    assert [item.name for item in recorded.transactions] == ["GET /users"]
    assert recorded.stats().transactions.dropped == {"event_processor": 3}
    assert recorded.stats().balanced


def test_errors_are_sampled_by_their_own_rate():
    with record(sample_rate=0.0) as recorded:
        assert capture_message("hello") is None
        start_transaction("a", "b").finish()
    assert recorded.errors == []
    assert len(recorded.transactions) == 1
    assert recorded.stats().errors.dropped == {"sample_rate": 1}


def test_items_say_where_they_come_from():
    with record(release="shop@1", environment="test", dist="7", server_name="web-1") as recorded:
        start_transaction("a", "b").finish()
    (item,) = recorded.transactions
    assert (item.release, item.environment, item.dist, item.server_name) == ("shop@1", "test", "7", "web-1")
    assert item.contexts["runtime"]["name"]
    assert item.contexts["process"]["pid"]
    assert item.sdk["name"] == "instrument.python"


SECRETS = ["password", "X-Api-Key", "client_secret", "Authorization", "access_token", "session_id", "csrftoken"]
HARMLESS = ["author", "authentic", "tokenizer", "keyboard", "monkey", "path"]


def test_values_of_secret_keys_are_filtered_everywhere_and_harmless_ones_stay():
    values = dict.fromkeys(SECRETS, "planted") | dict.fromkeys(HARMLESS, "fine")
    with record() as recorded:
        instrument.set_context("login", {"inner": [values]})
        instrument.set_extra("form", values)
        instrument.add_breadcrumb(message="x", data=values)
        for name, value in values.items():
            instrument.set_tag(name, value)
        with transaction("a", "b", data=values), span("c", "GET http://user:planted@host/", data=values, tags=values):
            capture_message("x")
    (item,), (error,) = recorded.transactions, recorded.errors
    for place in (item.tags, item.data, item.extra["form"], error.breadcrumbs[0]["data"], item.spans[0].data):
        assert [place[name] for name in SECRETS] == ["[Filtered]"] * len(SECRETS)
        assert [place[name] for name in HARMLESS] == ["fine"] * len(HARMLESS)
    assert "planted" not in repr(item) + repr(error) + repr([(one.data, one.tags) for one in item.spans])
    assert item.spans[0].description == "GET http://[Filtered]@host/"


class Broken(Memory):
    def export(self, item):
        raise RuntimeError("bug of an exporter's")


def test_an_exporter_that_raises_does_not_reach_the_program(monkeypatch):
    monkeypatch.setattr("instrument._guard.strict", False)
    with record() as recorded:
        recorded.client.exporter = Broken()
        with transaction("a", "b"):
            pass
        counted = recorded.stats()
        assert counted.transactions.dropped == {"internal_sdk_error": 1}
        assert counted.balanced


def test_a_closed_client_takes_nothing_and_counts_it():
    with record() as recorded:
        recorded.client.close()
        with transaction("a", "b"):
            pass
        assert capture_message("hello") is None
        counted = recorded.stats()
        assert counted.transactions.dropped == counted.errors.dropped == {"closed": 1}
        assert counted.balanced
