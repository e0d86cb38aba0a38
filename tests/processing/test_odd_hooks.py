"""What a user's hook makes of an event may be anything: what is sent is still an event, and nothing hangs."""

import collections.abc
import json
import re

import pytest

import instrument
from instrument.recording import TransactionEvent
from instrument.testing import record
from instrument.wire import encode_event


class Hostile:
    def _fail(self, *_):
        raise KeyboardInterrupt

    __repr__ = __str__ = __eq__ = __len__ = __bool__ = __iter__ = _fail
    __hash__ = object.__hash__


class Liar:
    @property
    def __class__(self):
        raise KeyboardInterrupt


class Endless(collections.abc.Mapping):
    def __getitem__(self, key):
        return 1

    def __iter__(self):
        while True:
            yield "key"

    def __len__(self):
        return 1


LOOP = {}
LOOP["loop"] = LOOP
ODD = {"hostile": Hostile(), "endless": Endless(), "loop": LOOP, "number": 2**70, "list": [5, None], "text": "\ud800"}

FIELDS = {
    "error": [
        *("event_id", "trace_id", "span_id", "parent_span_id", "time", "level", "tags", "contexts", "extra", "user"),
        *("request", "breadcrumbs", "fingerprint", "release", "environment", "dist", "server_name", "sdk", "meta"),
        *(
            "dynamic_sampling_context",
            "message",
            "logger",
            "logentry",
            "exceptions",
            "threads",
            "modules",
            "transaction",
        ),
        *("transaction_source", "op", "other"),
    ],
    "transaction": [
        *("event_id", "trace_id", "span_id", "time", "end", "epoch", "name", "source", "op", "description", "status"),
        *("origin", "data", "measurements", "spans", "tags", "meta"),
    ],
}


def one_event(hook):
    with record(before_send=hook, before_send_transaction=hook) as recorded:
        with instrument.transaction("op", "name"), instrument.span("inner"):
            pass
        instrument.capture_exception(ValueError("x"))
    return recorded


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in FIELDS.items() for field in fields])
def test_nonsense_in_any_field_is_put_in_order(kind, field):
    for odd in ODD.values():

        def hook(event, hint, odd=odd):
            if event.kind == kind:
                setattr(event, field, odd)
            return event

        recorded = one_event(hook)
        [event] = recorded.transactions if kind == "transaction" else recorded.errors
        payload = json.loads(encode_event(event))
        assert re.fullmatch("[0-9a-f]{32}", payload["event_id"])
        assert re.fullmatch("[0-9a-f]{16}", payload["contexts"]["trace"]["span_id"])
        assert 0 < payload["timestamp"] < 253_402_300_800


def test_an_answer_that_is_no_event_drops_it():
    for answer in (5, "text", {}, Liar(), Hostile(), ValueError):
        drops_both(answer)


def drops_both(answer):
    recorded = one_event(lambda event, hint: answer)
    assert (recorded.errors, recorded.transactions) == ([], [])


def test_an_error_does_not_become_a_transaction():
    kept = []

    def hook(event, hint):
        kept.append(event)
        return kept[0]

    recorded = one_event(hook)
    assert isinstance(kept[0], TransactionEvent)
    assert (len(recorded.transactions), recorded.errors) == (1, [])


def test_a_well_formed_id_that_a_hook_chose_is_kept():
    def hook(event, hint):
        event.event_id = "0123456789abcdef" * 2
        return event

    assert one_event(hook).errors[0].event_id == "0123456789abcdef" * 2


def test_a_logged_message_without_text_gets_one():
    def hook(event, hint):
        if event.kind == "error":
            event.logentry = {"params": [1]}
        return event

    assert one_event(hook).errors[0].logentry == {"formatted": '{"params": [1]}'.replace('"', "'")}


def test_whatever_is_made_of_a_breadcrumb_no_error_is_lost():
    for answer in (LOOP, {"message": "x" * 10_000_000}, 5, None, Hostile(), {"data": Hostile()}):
        keeps_the_error(answer)


def keeps_the_error(answer):
    with record(before_breadcrumb=lambda crumb, hint: answer) as recorded, instrument.isolated_scope():
        instrument.add_breadcrumb(message="x")
        instrument.capture_exception(ValueError("x"))
    [event] = recorded.errors
    assert len(event.breadcrumbs) == (type(answer) is dict)
    assert len(encode_event(event)) < 100_000
