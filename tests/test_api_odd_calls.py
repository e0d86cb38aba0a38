"""What a program passes, returns and hooks in may be anything: the program goes on as it would without us."""

import asyncio
import copy
import gc
import inspect
import pickle
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from unittest.mock import MagicMock, Mock

import pytest

import instrument
from instrument import (
    add_breadcrumb,
    capture_message,
    get_current_scope,
    get_current_span,
    span,
    start_transaction,
    trace_headers,
    traced,
    transaction,
)
from instrument.exporters import Memory
from instrument.testing import record


class NoTruth:
    """Like an array: asked whether it is true, it raises."""

    def __bool__(self):
        raise ValueError("ambiguous")


GUARDS_OWN = ["kind", "default", "function", "self", "args", "kwargs", "hook"]


@pytest.mark.parametrize("name", GUARDS_OWN)
def test_fields_of_a_breadcrumb_have_any_name(name):
    with record() as recorded:
        add_breadcrumb(**{name: "x", "message": "m"})
        get_current_scope().add_breadcrumb(**{name: "x", "message": "m"})
        capture_message("now")
    assert len(recorded.errors[0].breadcrumbs) == 2


@pytest.mark.parametrize("name", GUARDS_OWN)
def test_arguments_of_a_described_function_have_any_name(name):
    @traced(description=lambda **given: f"with {name}", capture=("given",))
    def work(**given):
        return given

    with record() as recorded, transaction("a", "b"):
        assert work(**{name: 1}) == {name: 1}
    assert [one.description for one in recorded.spans] == [f"with {name}"]


class Reader:
    def __init__(self, make):
        self.kept = make()

    @traced
    def items(self):
        return self.kept


def test_a_generator_that_the_program_keeps_goes_on_after_its_consumer():
    with record() as recorded, transaction("a", "b"):
        reader = Reader(lambda: (number for number in range(5)))
        assert reader.items() is reader.kept
        for _ in reader.items():
            break
        assert list(reader.items()) == [1, 2, 3, 4]
    assert len(recorded.spans) == 3


def test_an_async_generator_that_the_program_keeps_goes_on_after_its_consumer():
    async def numbers():
        for number in range(5):
            yield number

    async def run():
        reader = Reader(numbers)
        async for _ in reader.items():
            break
        gc.collect()
        await asyncio.sleep(0)
        return [number async for number in reader.items()]

    with record(), transaction("a", "b"):
        assert asyncio.run(run()) == [1, 2, 3, 4]


def test_a_coroutine_that_the_program_keeps_may_be_fetched_and_let_go():
    async def body():
        return 7

    async def run():
        reader = Reader(body)
        reader.items()
        return await reader.kept

    with warnings.catch_warnings(), record(), transaction("a", "b"):
        warnings.simplefilter("error")
        assert asyncio.run(run()) == 7


def test_a_generator_that_nobody_else_has_is_recorded_to_its_end_through_any_number_of_functions():
    @traced
    def inner():
        return (number for number in range(2))

    @traced
    def outer():
        return inner()

    with record() as recorded, transaction("a", "b"):
        assert list(outer()) == [0, 1]
    outermost, innermost = recorded.spans
    assert "active_seconds" in outermost.data
    assert innermost.end_ticks > innermost.start_ticks


def test_data_and_tags_that_have_no_truth_value():
    with record() as recorded, transaction("a", "b", data=NoTruth()) as tx:
        tx.start_child("c", data=NoTruth(), tags=NoTruth()).finish()
        with span("d", data=NoTruth(), tags=NoTruth()):
            pass
    assert [one.op for one in recorded.spans] == ["c", "d"]


class TestASamplerThatRaisesCountsAsNotConfigured:
    def sampler(self, context):
        raise ValueError("no")

    def test_without_a_rate_ids_are_passed_on(self):
        with record(traces_sample_rate=None, traces_sampler=self.sampler) as recorded, transaction("a", "b") as tx:
            assert tx.sampled is None
            assert trace_headers()["sentry-trace"].count("-") == 1
        assert recorded.transactions == []

    def test_without_a_rate_nothing_is_recorded_for_a_caller_that_records(self):
        headers = {"sentry-trace": "0123456789abcdef0123456789abcdef-0123456789abcdef-1"}
        with record(traces_sample_rate=None, traces_sampler=self.sampler) as recorded:
            with transaction("a", "b", headers=headers) as tx:
                assert tx.sampled is True
                assert trace_headers()["sentry-trace"].endswith("-1")
            assert recorded.stats().transactions.unsampled == 1
        assert recorded.transactions == []

    def test_with_a_rate_that_decides(self):
        with record(traces_sample_rate=1.0, traces_sampler=self.sampler) as recorded, transaction("a", "b"):
            pass
        assert len(recorded.transactions) == 1


def test_what_the_caller_adds_for_the_sampler_replaces_nothing():
    seen = []
    with record(traces_sampler=lambda context: seen.append(context) or 1.0):
        added = {"transaction_context": 1, "parent_sampled": 2, "mine": 3}
        start_transaction("a", "b", sampling_context=added).finish()
    (context,) = seen
    assert (context["transaction_context"]["name"], context["parent_sampled"], context["mine"]) == ("b", None, 3)


@pytest.mark.parametrize("odd", [[1], 5, "text", NoTruth()], ids=["list", "number", "text", "no truth"])
def test_the_sampler_is_asked_whatever_data_there_is(odd):
    seen = []
    with record(traces_sampler=lambda context: seen.append(context) or 1.0) as recorded:
        start_transaction("a", "b", data=odd, sampling_context=odd).finish()
    assert seen[0]["transaction_context"]["data"] == {}
    assert len(recorded.transactions) == 1


def test_a_misspelt_argument_of_transaction_fails_where_it_is_written():
    with pytest.raises(TypeError, match="nam"):
        transaction(op="job", nam="x")


def test_the_signature_of_transaction_names_its_arguments():
    assert list(inspect.signature(transaction).parameters) == [
        *("op", "name", "source", "headers", "sampled", "data", "sampling_context")
    ]


@pytest.mark.parametrize("kind", [Mock, MagicMock])
def test_a_mock_can_be_decorated(kind):
    target = kind(return_value=7)
    decorated = traced(traced(target))
    with record() as recorded, transaction("a", "b"):
        assert decorated(1, x=2) == 7
    target.assert_called_once_with(1, x=2)
    assert len(recorded.spans) == 1


class Querying(Memory):
    """An exporter that uses what is traced."""

    def work(self):
        with span("exporting"), closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("select 1")
        with transaction("a", "exporting"):
            capture_message("exporting")

    def export(self, item):
        super().export(item)
        self.work()

    def flush(self, timeout=None):
        self.work()
        return True

    def close(self, timeout=None):
        self.work()
        return True


@pytest.mark.parametrize("among", [False, True], ids=["alone", "among others"])
def test_the_work_of_a_strangers_exporter_is_not_recorded(among):
    exporter = Querying()
    instrument.init(exporter=[Memory(), exporter] if among else exporter)
    with transaction("a", "outer"):
        with transaction("a", "inner"):
            pass
        capture_message("hello")
        instrument.flush(5)
    instrument.close(5)
    assert [item.name for item in exporter.transactions] == ["inner", "outer"]
    assert [item.spans for item in exporter.transactions] == [[], []]
    assert len(exporter.errors) == 1
    assert instrument.stats().balanced


def test_a_transaction_in_a_finalizer_at_the_very_end_is_kept():
    program = (
        "import instrument\n"
        "from instrument.exporters import Memory\n"
        "instrument.init(exporter=Memory())\n"
        "class Last:\n"
        "    def __del__(self):\n"
        "        with instrument.transaction('job', 'last'): pass\n"
        "        print(instrument.stats().transactions.delivered)\n"
        "last = Last()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.parametrize(
    "twin_of",
    [copy.copy, copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))],
    ids=["copy", "deepcopy", "pickle"],
)
class TestCopies:
    def test_of_a_finished_transaction(self, twin_of):
        with record() as recorded, transaction("a", "b") as tx:
            with span("outer", data={"rows": [1]}), span("inner"):
                pass
            tx.start_child("started").finish()
        (item,) = recorded.transactions
        twin = twin_of(item)
        assert (twin.name, twin.event_id) == ("b", item.event_id)
        for one, other in zip(item.spans, twin.spans, strict=True):
            for name in ("op", "data", "span_id", "parent_span_id", "trace_id", "sampled", "start_ticks", "end_ticks"):
                assert getattr(other, name) == getattr(one, name)
            assert other.transaction is None

    def test_of_a_destination_in_memory(self, twin_of):
        memory = Memory()
        instrument.init(exporter=memory)
        with transaction("a", "b"), span("c"):
            pass
        assert [one.op for one in twin_of(memory).transactions[0].spans] == ["c"]

    def test_of_a_span_that_a_generator_held(self, twin_of):
        def steps():
            with span("held"):
                yield

        with record() as recorded, transaction("a", "b"):
            list(steps())
        assert twin_of(recorded.spans[0]).op == "held"


def test_a_hook_may_copy_what_it_gets():
    hook = lambda item, hint: copy.deepcopy(item)  # noqa: E731
    with record(before_send_transaction=hook) as recorded, transaction("a", "b"), span("c"):
        pass
    assert [one.op for one in recorded.spans] == ["c"]


def test_what_is_set_on_the_span_that_records_nothing_is_forgotten():
    with record():
        nothing = span("x")
        nothing.op = nothing.description = nothing.status = "set"
        nothing.data = nothing.tags = nothing.measurements = {"set": 1}
        nothing.update_data({"set": 1})
        nothing.update_tags({"set": "1"})
        other = span("y")
    assert [other.op, other.description, other.status, other.data, other.tags, other.measurements] == [None] * 6


def test_a_span_with_a_strange_op_can_be_shown():
    class Strange:
        def __str__(self):
            raise ValueError("no")

    with record(), transaction("a", "b"), span(Strange(), Strange()) as made:
        assert "Strange" in repr(made)
        assert repr(get_current_span()).endswith("open>")


def test_the_level_of_a_message_may_be_in_capitals():
    with record() as recorded:
        capture_message("x", "WARNING")
        capture_message("x", 5)
    assert [error.level for error in recorded.errors] == ["warning", "info"]


def emptied(event, hint):
    event.spans.clear()


def doubled(event, hint):
    event.spans.append(event.spans[0])
    return event


def spoiled(event, hint):
    event.spans = 5
    raise ValueError


@pytest.mark.parametrize("hook", [emptied, doubled, spoiled])
def test_the_books_balance_whatever_a_hook_does_to_the_spans(hook):
    memory = Memory()
    instrument.init(exporter=memory, before_send_transaction=hook)
    with instrument.transaction("a", "b"):
        for _ in range(2):
            with instrument.span("c"):
                pass
    assert instrument.stats().balanced
    assert instrument.stats().spans.open == 0


def test_recording_for_a_test_leaves_the_rules_of_the_program_in_force():
    from instrument.recording import HUB

    before = HUB.clean
    with record(scrub={"password": False}):
        pass
    assert HUB.clean is before


def test_an_error_knows_the_decision_of_its_trace():
    headers = {"sentry-trace": f"{'a' * 32}-{'b' * 16}-0"}
    with record() as recorded, instrument.transaction("a", "b", headers=headers):
        instrument.capture_message("c")
    assert recorded.errors[0].sampled is False


def test_nothing_is_asked_of_a_programs_own_exporter():
    class Strange(Memory):
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

        @property
        def dsn(self):
            raise RuntimeError

    assert instrument.init(exporter=Strange()).options.dsn is None
