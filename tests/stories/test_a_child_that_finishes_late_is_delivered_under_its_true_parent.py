"""A child that finishes after its transaction was handed over is delivered as a later part of the same trace."""

# ruff: noqa: SIM117  # A block inside another one is what is tested.

import asyncio
import contextvars
import gc
import threading
import weakref

from instrument import get_current_span, span, traced, transaction
from instrument.testing import record
from tests.outline import outline


def test_alone_under_its_parent():
    with record() as recorded:
        with transaction("test", "outside") as outside:
            late = outside.start_child("step", "late", data={"rows": 3}, tags={"region": "north"})
            with span("step", "in time"):
                pass
        assert outline(recorded) == ["in time"]
        assert recorded.stats().spans.open == 1
        late.set_data("more", 4)
        late.finish("not_found")
        late.finish()
        first, second = recorded.transactions
        assert (second.trace_id, second.parent_span_id) == (first.trace_id, first.span_id)
        assert (second.op, second.name, second.status) == ("step", "late", "not_found")
        assert (second.data, second.tags) == ({"rows": 3, "more": 4}, {"region": "north"})
        assert first.time <= second.time <= second.end
        assert outline(recorded) == ["late [not_found]", "in time"]
        stats = recorded.stats()
        assert (stats.balanced, stats.spans.open, stats.transactions.delivered) == (True, 0, 2)


def test_under_a_child_that_went_with_the_transaction():
    with record() as recorded:
        with transaction("test", "outside"):
            with span("step", "parent") as parent:
                late = parent.start_child("step", "late")
        late.finish()
        assert outline(recorded) == ["parent", "  late"]


def test_several_that_belong_together_leave_together():
    with record() as recorded:
        with transaction("test", "outside") as outside:
            top = outside.start_child("step", "top")
            middle = top.start_child("step", "middle")
        bottom = middle.start_child("step", "bottom")
        bottom.finish()
        assert len(recorded.transactions) == 1
        middle.finish()
        top.finish()
        assert len(recorded.transactions) == 2
        assert outline(recorded) == ["top", "  middle", "    bottom"]
        assert recorded.stats().balanced


def test_what_waits_for_an_ancestor_leaves_when_that_is_dropped():
    gc.disable()
    try:
        with record() as recorded:
            with transaction("test", "outside") as outside:
                top = outside.start_child("step", "top")
            below = top.start_child("step", "below")
            below.finish()
            key = top.span_id
            del top
            assert [item.name for item in recorded.transactions] == ["outside", "below"]
            assert recorded.transactions[1].parent_span_id == key
            assert recorded.stats().balanced
            assert recorded.stats().spans.unfinished == {"step: top": 1}
    finally:
        gc.enable()


def test_of_a_task_that_outlives_its_transaction():
    async def outliving(ready):
        with span("step", "late"):
            await ready.wait()
            with span("step", "later"):
                pass
        with span("step", "after"):
            pass

    async def run():
        ready = asyncio.Event()
        with transaction("test", "outside"):
            task = asyncio.create_task(outliving(ready))
            await asyncio.sleep(0)
        assert get_current_span() is None
        ready.set()
        await task

    with record() as recorded:
        asyncio.run(run())
        assert outline(recorded) == ["late", "  later", "after"]
        assert recorded.stats().balanced


def test_of_a_decorated_function_and_of_a_generator():
    started, going = threading.Event(), threading.Event()

    @traced
    def work():
        started.set()
        assert going.wait(30)

    @traced
    def numbers():
        yield 1
        yield 2

    with record() as recorded:
        with transaction("test", "outside"):
            made = numbers()
            next(made)
            context = contextvars.copy_context()
            thread = threading.Thread(target=context.run, args=(work,))
            thread.start()
            assert started.wait(30)
        going.set()
        thread.join(30)
        made.close()
        assert sorted(outline(recorded)) == ["numbers", "work"]
        assert recorded.stats().balanced


def test_one_that_fails_says_so():
    with record() as recorded:
        with transaction("test", "outside") as outside:
            late = outside.start_child("step", "late")
        try:
            with late:
                raise ValueError("no")
        except ValueError:
            pass
        assert outline(recorded) == ["late [internal_error]"]


def test_a_delivered_part_keeps_nothing_alive():
    gc.disable()
    try:
        with record() as recorded:
            with transaction("test", "outside") as outside:
                late = outside.start_child("step", "late")
            gone = weakref.ref(outside)
            del outside
            late.finish()
            assert gone() is None
            gone = weakref.ref(late)
            del late
            recorded.clear()
            assert gone() is None
    finally:
        gc.enable()
