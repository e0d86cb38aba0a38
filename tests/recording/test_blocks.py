"""Blocks and scopes keep what is current in order, however they are nested, shared or reused."""

import asyncio
import contextlib
import copy
import pickle
import threading
from contextlib import nullcontext

import pytest

import instrument
from instrument import (
    capture_message,
    get_current_scope,
    get_current_span,
    isolated_scope,
    push_scope,
    set_tag,
    span,
    start_transaction,
    suppress,
    trace_headers,
    transaction,
)
from instrument.testing import record


def in_a_thread(work):
    """What `work` returned in a thread of its own."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    thread.join(30)
    (answer,) = answers
    return answer


def names(recorded):
    return [item.name for item in recorded.transactions]


class TestATransactionBlockMayBeUsedAtOnce:
    def test_in_itself(self):
        block = transaction("job", "again")
        seen = []

        def go(depth):
            with block as tx:
                seen.append(tx)
                if depth:
                    go(depth - 1)
                assert get_current_span() is tx

        with record() as recorded:
            go(2)
            assert get_current_span() is None
        assert names(recorded) == ["again"] * 3
        assert [item.span_id for item in recorded.transactions] == [tx.span_id for tx in reversed(seen)]

    def test_twice_in_one_function_where_the_inner_one_is_finished_early(self):
        block = transaction("job", "again")
        with record() as recorded, block as outer:
            with block as inner:
                inner.finish()
            assert get_current_span() is outer
        assert len(recorded.transactions) == 2

    def test_by_threads(self):
        block = transaction("job", "again")
        barrier = threading.Barrier(2, timeout=30)

        def work():
            with block as tx:
                barrier.wait()
                here = get_current_span() is tx
                barrier.wait()
            return here, get_current_span()

        with record() as recorded:
            other = []
            thread = threading.Thread(target=lambda: other.append(work()))
            thread.start()
            assert work() == (True, None)
            thread.join(30)
        assert other == [(True, None)]
        assert names(recorded) == ["again"] * 2

    def test_by_tasks(self):
        block = transaction("job", "again")

        async def work(first, second):
            async with block as tx:
                first.set()
                await second.wait()
                assert get_current_span() is tx
            assert get_current_span() is None

        async def run():
            one, other = asyncio.Event(), asyncio.Event()
            await asyncio.gather(work(one, other), work(other, one))

        with record() as recorded:
            asyncio.run(run())
        assert names(recorded) == ["again"] * 2

    def test_where_one_of_them_is_suppressed(self):
        block = transaction("job", "again")
        with record() as recorded, block as outer:
            with suppress(), block:
                pass
            assert get_current_span() is outer
        assert names(recorded) == ["again"]


class TestASpanHasOnePlaceAmongWhatIsOpen:
    def test_a_transaction_that_was_set_on_the_scope_is_entered(self):
        with record() as recorded:
            tx = start_transaction("job", "placed")
            get_current_scope().set_span(tx)
            with tx:
                assert get_current_span() is tx
            assert get_current_span() is None
            capture_message("later")
        assert recorded.errors[0].trace_id != tx.trace_id

    def test_a_span_is_entered_twice(self):
        with record(), transaction("a", "b") as tx:
            child = tx.start_child("c")
            with child:
                with child:
                    assert get_current_span() is child
                with span("d") as inner:
                    assert get_current_span() is inner
            assert get_current_span() is tx

    def test_a_span_is_entered_again_inside_its_own_child(self):
        with record(), transaction("a", "b") as tx:
            with tx.start_child("outer") as outer, span("inner"):
                with outer:
                    assert get_current_span() is outer
                tx.set_tag("goes", "on")
            assert get_current_span() is tx
            with span("after") as after:
                assert after.parent_span_id == tx.span_id

    def test_an_open_span_is_set_on_the_scope_inside_its_own_child(self):
        with record(), transaction("a", "b") as tx:
            with span("outer") as outer, span("inner"):
                get_current_scope().set_span(outer)
                assert get_current_span() is outer
            assert get_current_span() is tx

    def test_a_ring_never_hangs(self):
        with record() as recorded, transaction("a", "b") as tx, span("outer") as outer, span("inner"), outer, span("d"):
            tx.finish()
        assert names(recorded)[0] == "b"

    def test_what_a_generator_holds_may_be_set_and_entered(self):
        def steps():
            tx = start_transaction("job", "held")
            get_current_scope().set_span(tx)
            yield
            with tx:
                yield
            with tx:
                yield

        with record() as recorded:
            for _ in steps():
                pass
            assert get_current_span() is None
        assert names(recorded) == ["held"]


class TestWhatIsSetOnAScope:
    def test_is_current_no_more_when_it_was_finished_in_another_thread(self):
        with record() as recorded:
            tx = start_transaction("job", "placed")
            get_current_scope().set_span(tx)
            in_a_thread(tx.finish)
            assert get_current_span() is None
            with span("after"):
                pass
            capture_message("later")
        assert recorded.errors[0].trace_id != tx.trace_id
        assert (names(recorded), recorded.spans) == (["placed"], [])

    def test_leaves_what_was_current_below_it(self):
        with record(), transaction("a", "outer") as outer:
            tx = start_transaction("job", "placed")
            get_current_scope().set_span(tx)
            in_a_thread(lambda: tx.__exit__(None, None, None))
            assert get_current_span() is outer

    def test_stays_the_parent_of_what_inherited_it(self):
        ready, goes_on, seen = threading.Event(), threading.Event(), []

        def work():
            ready.set()
            goes_on.wait(30)
            seen.append(get_current_span())

        with record():
            tx = start_transaction("job", "placed")
            get_current_scope().set_span(tx)
            instrument.patch("threading")
            thread = threading.Thread(target=work)
            thread.start()
            ready.wait(30)
            tx.finish()
            goes_on.set()
            thread.join(30)
        assert seen == [tx]

    def test_is_replaced_for_good(self):
        with record(), transaction("a", "b") as tx:
            first, second = tx.start_child("first"), tx.start_child("second")
            get_current_scope().set_span(first)
            get_current_scope().set_span(second)
            second.finish()
            assert get_current_span() is tx

    @pytest.mark.parametrize("strange", [5, "span", object(), []])
    def test_is_ignored_when_it_is_no_span(self, strange, caplog):
        with record(), transaction("a", "b") as tx:
            get_current_scope().set_span(strange)
            get_current_scope().set_span(strange)
            assert get_current_span() is tx
        (said,) = [line for line in caplog.messages if line.startswith("set_span got no span")]
        assert type(strange).__name__ in said


def isolate(tx, child):
    with isolated_scope():
        with transaction("job", "isolated"):
            pass
        capture_message("isolated")


def start_a_child(tx, child):
    with tx.start_child("child"), span("below"):
        pass
    tx.start_child("child").finish()


def enter_the_transaction(tx, child):
    with tx, span("below"):
        capture_message("inside")


def enter_the_child(tx, child):
    with child, span("below"):
        capture_message("inside")


def set_nothing(tx, child):
    get_current_scope().set_span(None)
    with transaction("job", "inner"), span("below"):
        capture_message("inside")


def set_the_transaction(tx, child):
    get_current_scope().set_span(tx)
    with span("below"):
        capture_message("inside")


def set_one_that_was_started_inside(tx, child):
    get_current_scope().set_span(start_transaction("job", "inner"))
    with span("below"):
        capture_message("inside")
    assert trace_headers() == {}


def enter_what_a_generator_holds(tx, child):
    def steps():
        with child, span("below"):
            capture_message("inside")
            yield

    assert len(list(steps())) == 1


WAYS_OUT = [
    isolate,
    start_a_child,
    enter_the_transaction,
    enter_the_child,
    set_nothing,
    set_the_transaction,
    set_one_that_was_started_inside,
    enter_what_a_generator_holds,
]


@pytest.mark.parametrize("way", WAYS_OUT, ids=lambda way: way.__name__)
@pytest.mark.parametrize("inside", [True, False], ids=["in a transaction", "outside"])
def test_nothing_leads_out_of_suppression(way, inside):
    with record() as recorded:
        tx = start_transaction("job", "before")
        child = tx.start_child("before")
        with transaction("a", "outer") if inside else nullcontext() as current:
            with suppress():
                way(tx, child)
                assert trace_headers() == {}
            assert get_current_span() is current
        child.finish()
        tx.finish()
    assert recorded.errors == []
    assert {item.name for item in recorded.transactions} <= {"before", "outer"}
    assert {one.op for one in recorded.spans} <= {"before"}


def test_a_generator_that_holds_a_span_is_suppressed_as_well():
    with record() as recorded, transaction("a", "b") as tx:

        def opened():
            held = tx.start_child("held")
            with suppress(), held, span("below"):
                yield

        list(opened())
        assert get_current_span() is tx
    assert [one.op for one in recorded.spans] == ["held"]


class TestASuppressBlockMayBeUsedAtOnce:
    def test_in_itself(self):
        block = suppress()
        with record() as recorded, transaction("a", "b"):
            with block:
                with block:
                    pass
                with span("inside"):
                    pass
            with span("after"):
                pass
            capture_message("after")
        assert [one.op for one in recorded.spans] == ["after"]
        assert len(recorded.errors) == 1

    def test_by_threads(self):
        block = suppress()
        entered, leaves = threading.Event(), threading.Event()

        def work():
            with block:
                entered.set()
                leaves.wait(30)

        with record() as recorded:
            thread = threading.Thread(target=work)
            thread.start()
            entered.wait(30)
            with block:
                leaves.set()
                thread.join(30)
                assert capture_message("inside") is None
            with transaction("a", "after"):
                pass
        assert names(recorded) == ["after"]

    def test_as_an_async_block(self):
        async def run():
            async with suppress():
                capture_message("inside")
            capture_message("after")

        with record() as recorded:
            asyncio.run(run())
        assert [error.message for error in recorded.errors] == ["after"]


@pytest.mark.parametrize("make", [isolated_scope, push_scope])
class TestAScopeBlockMayBeUsedAgain:
    def test_after_it_ended(self, make):
        with record() as recorded:
            block = make()
            for number in range(2):
                with block as scope:
                    scope.set_tag(f"tag {number}", "x")
                    capture_message("inside")
        assert [list(error.tags) for error in recorded.errors] == [["tag 0"], ["tag 1"]]

    def test_in_itself(self, make):
        with record() as recorded:
            block, outer = make(), get_current_scope()
            with block as first:
                with block as second:
                    set_tag("inner", "x")
                    assert get_current_scope() is second is not first
                assert get_current_scope() is first
                capture_message("between")
            assert get_current_scope() is outer
        assert recorded.errors[0].tags == {}

    def test_by_threads(self, make):
        entered, leaves = threading.Event(), threading.Event()
        tags = []

        def work():
            with block as scope:
                scope.set_tag("thread", "x")
                entered.set()
                leaves.wait(30)
                tags.append(dict(get_current_scope().tags))

        with record():
            block, outer = make(), get_current_scope()
            thread = threading.Thread(target=work)
            thread.start()
            entered.wait(30)
            with block as scope:
                leaves.set()
                thread.join(30)
                assert (get_current_scope() is scope, scope.tags) == (True, {})
            assert get_current_scope() is outer
        assert tags == [{"thread": "x"}]

    def test_as_an_async_block(self, make):
        async def run():
            async with make() as scope:
                assert get_current_scope() is scope
            assert get_current_scope() is not scope

        with record():
            asyncio.run(run())


def test_a_block_that_a_class_enters_for_others_ends_the_transaction_of_its_own_thread():
    block = transaction("job", "n")
    entered, left = threading.Event(), threading.Event()
    seen = []

    class Job:
        def __enter__(self):
            return block.__enter__()

        def __exit__(self, *given):
            return block.__exit__(*given)

    def other():
        with Job() as begun:
            entered.set()
            assert left.wait(30)
            with span("late"):
                pass
            seen.append(begun.end_ticks)

    with record() as recorded:
        thread = threading.Thread(target=other)
        with Job():
            thread.start()
            assert entered.wait(30)
        left.set()
        thread.join()
    assert seen == [None]
    assert [[one.op for one in item.spans] for item in recorded.transactions] == [[], ["late"]]


def test_leaving_suppress_where_spans_form_a_ring_ends():
    with record(), transaction("j", "x"):
        ring = span("a")
        stack = contextlib.ExitStack()
        stack.enter_context(suppress())
        with ring, ring:
            stack.close()


def test_spans_that_record_nothing_can_be_copied():
    with record(traces_sample_rate=0.0), transaction("j", "x") as unsampled:
        for one in (span("a"), unsampled):
            copied = pickle.loads(pickle.dumps(copy.deepcopy(copy.copy(one))))
            assert copied.data is None
