"""Celery with a broker in memory: a worker in a thread, and tasks that run where they are called."""

import logging

import pytest
from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Ignore, Reject

import instrument
from instrument import set_tag, span, transaction
from instrument.exporters import Memory
from instrument.middleware.celery import trace
from instrument.testing import record

LIMIT = 20.0
logging.getLogger("celery").setLevel(logging.CRITICAL)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def make_app(**settings):
    app = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_transport_options={"polling_interval": 0.005},
        worker_hijack_root_logger=False,
        **settings,
    )
    trace(app)

    @app.task(name="shop.add")
    def add(a, b):
        set_tag("sum", a + b)
        with span("count", "add"):
            return a + b

    @app.task(name="shop.fail", throws=(LookupError,))
    def fail(kind):
        raise {"value": ValueError, "expected": KeyError}[kind]("no")

    @app.task(name="shop.again", bind=True, max_retries=2)
    def again(self):
        if self.request.retries < 1:
            raise self.retry(countdown=0)
        return self.request.retries

    @app.task(name="shop.outer")
    def outer():
        return add.delay(1, 2).id

    @app.task(name="shop.refuse")
    def refuse(kind):
        raise {"reject": Reject("no", requeue=False), "ignore": Ignore()}[kind]

    class NeedsTwo(ValueError):
        def __init__(self, one, other):
            super().__init__(f"{one} and {other}")

    @app.task(name="shop.unpickled")
    def unpickled():
        raise NeedsTwo(1, 2)

    @app.task(name="shop.baggage", bind=True)
    def baggage(self):
        return self.request.headers["baggage"]

    app.add, app.fail, app.again, app.outer = add, fail, again, outer
    app.refuse, app.unpickled, app.baggage = refuse, unpickled, baggage
    return app


@pytest.fixture(scope="module")
def app():
    app = make_app()
    root = logging.getLogger()
    level = root.level  # The worker sets it, and leaves it set for every test that comes after.
    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="CRITICAL", shutdown_timeout=LIMIT):
        root.setLevel(level)
        yield app
    root.setLevel(level)


@pytest.fixture
def memory(app):
    memory = Memory()
    instrument.init(exporter=memory)
    return memory


def named(memory, name, count=1):
    """The transactions of a task. A result is there before the task's transaction, so another task is run first."""
    found = [item for item in memory.transactions if item.name == name]
    assert len(found) == count, memory.transactions
    return found


def settle(app):
    """Wait for all tasks before: the worker runs one after the other."""
    app.add.apply_async((0, 0)).get(LIMIT, interval=0.005)


def test_a_task_goes_on_in_the_trace_of_its_sender(app, memory):
    with transaction("job", "sell"):
        assert app.add.delay(2, 3).get(LIMIT, interval=0.005) == 5
    app.again.delay().get(LIMIT, interval=0.005)
    settle(app)
    sender = named(memory, "sell")[0]
    task = next(item for item in memory.transactions if item.name == "shop.add")
    publish = next(one for one in sender.spans if one.op == "queue.publish")
    assert (publish.description, publish.status) == ("shop.add", None)
    assert (task.trace_id, task.parent_span_id) == (sender.trace_id, publish.span_id)
    assert (task.op, task.source, task.status) == ("queue.process", "task", "ok")
    assert [one.op for one in task.spans] == ["count"]
    assert task.data["messaging.system"] == "memory"
    assert task.data["messaging.message.id"] == publish.data["messaging.message.id"]
    assert task.tags == {"sum": "5"}


def test_a_task_tells_how_long_its_message_was_on_the_way(app, memory):
    app.add.delay(1, 1).get(LIMIT, interval=0.005)
    late = {"sentry-task-enqueued-time": "1000000000.5"}
    for said in (late, {"sentry-task-enqueued-time": "nonsense"}, {"sentry-task-enqueued-time": "1e999"}):
        app.connection_for_write().ensure_connection()
        with app.amqp.producer_pool.acquire(block=True) as producer:
            message = app.amqp.create_task_message("x", "shop.outer", headers=None)
            message.headers.update(said)
            app.amqp.send_task_message(producer, "shop.outer", message)
    settle(app)
    key = "messaging.message.receive.latency"
    added = next(item for item in memory.transactions if item.name == "shop.add")
    assert 0 <= added.data[key] < LIMIT * 1000
    old, *others = named(memory, "shop.outer", 3)
    assert old.data[key] > 20 * 365 * 86_400_000
    assert [key in item.data for item in others] == [False, False]


def test_tasks_that_nobody_in_a_trace_has_sent_have_traces_of_their_own(app, memory):
    for _number in range(2):
        app.fail.apply_async(("expected",)).get(LIMIT, interval=0.005, propagate=False)
    settle(app)
    first, second = named(memory, "shop.fail", 2)
    assert first.trace_id != second.trace_id
    assert first.parent_span_id is None


def test_a_failure_is_captured_with_the_context_of_its_task(app, memory):
    app.fail.delay("value").get(LIMIT, interval=0.005, propagate=False)
    settle(app)
    (task,) = named(memory, "shop.fail")
    (error,) = memory.errors
    assert task.status == "internal_error"
    assert (error.trace_id, error.span_id, error.transaction) == (task.trace_id, task.span_id, "shop.fail")
    assert error.exceptions[-1]["mechanism"]["handled"] is False


def test_an_exception_that_a_task_announces_is_not_captured(app, memory):
    app.fail.delay("expected").get(LIMIT, interval=0.005, propagate=False)
    settle(app)
    assert named(memory, "shop.fail")[0].status == "internal_error"
    assert memory.errors == []


@pytest.mark.parametrize(("kind", "status"), [("reject", "aborted"), ("ignore", "ok")])
def test_a_task_that_is_rejected_or_ignored_is_no_error(app, memory, kind, status):
    app.refuse.delay(kind)
    settle(app)
    assert named(memory, "shop.refuse")[0].status == status
    assert memory.errors == []


def test_celery_may_tell_a_rejection_as_a_failure(app, memory):
    """Some of its versions do so in the main process of a worker."""
    app.refuse.push_request(id="one", headers={})
    try:
        for error in (Reject("no"), Ignore(), ValueError("real")):
            signals.task_failure.send(sender=app.refuse, task_id="one", exception=error, einfo=None)
    finally:
        app.refuse.pop_request()
    (error,) = memory.errors
    assert (error.exceptions[-1]["value"], error.transaction) == ("real", "shop.refuse")


def test_an_exception_that_cannot_be_pickled_is_captured_as_what_it_is(app, memory):
    app.unpickled.delay().get(LIMIT, interval=0.005, propagate=False)
    settle(app)
    (error,) = memory.errors
    raised = error.exceptions[-1]
    assert (raised["type"].rpartition(".")[2], raised["value"]) == ("NeedsTwo", "1 and 2")
    assert error.transaction == "shop.unpickled"


def test_what_the_caller_says_as_baggage_goes_along(app, memory):
    with transaction("job", "sell") as sender:
        given = {"baggage": "vendor=1,sentry-trace_id=00000000000000000000000000000001"}
        written = app.baggage.apply_async(headers=given).get(LIMIT, interval=0.005)
    assert written.split(",")[0] == "vendor=1"
    assert written.count("sentry-trace_id=") == 1 and f"sentry-trace_id={sender.trace_id}" in written


def test_a_retry_goes_on_in_the_same_trace(app, memory):
    assert app.again.delay().get(LIMIT, interval=0.005) == 1
    settle(app)
    first, second = named(memory, "shop.again", 2)
    assert (first.status, second.status) == ("aborted", "ok")
    assert first.trace_id == second.trace_id
    (publish,) = first.spans
    assert (publish.op, second.parent_span_id) == ("queue.publish", publish.span_id)
    assert second.data["messaging.message.retry.count"] == publish.data["messaging.message.retry.count"] == 1
    assert second.data["messaging.message.id"] == publish.data["messaging.message.id"]
    assert memory.errors == []


def test_a_task_that_sends_a_task_is_its_parent(app, memory):
    app.outer.delay().get(LIMIT, interval=0.005)
    settle(app)
    settle(app)
    (outer,) = named(memory, "shop.outer")
    assert outer.spans[0].span_id in {item.parent_span_id for item in memory.transactions if item.name == "shop.add"}


def test_what_a_task_sets_on_its_scope_ends_with_it(app, memory):
    app.add.delay(4, 4).get(LIMIT, interval=0.005)
    app.fail.delay("value").get(LIMIT, interval=0.005, propagate=False)
    settle(app)
    assert named(memory, "shop.fail")[0].tags == {}


def test_a_message_that_cannot_be_sent_ends_its_span():
    app = make_app()
    app.amqp.send_task_message = None
    with record() as recorded, transaction("job", "sell"), pytest.raises(TypeError):
        app.add.delay(1, 2)
    (publish,) = recorded.transactions[0].spans
    assert (publish.op, publish.status) == ("queue.publish", "internal_error")


class TestEager:
    """`task_always_eager`: a task is run where it is called, and is recorded as ever."""

    def test_a_task_is_a_transaction_of_the_callers_trace(self):
        app = make_app(task_always_eager=True)
        with record() as recorded, transaction("job", "sell") as outer:
            app.add.delay(2, 3)
            assert instrument.get_current_transaction() is outer
            set_tag("mine", "x")
        task, sender = recorded.transactions
        assert (task.name, task.trace_id, task.parent_span_id) == ("shop.add", sender.trace_id, sender.span_id)
        assert (task.tags, sender.tags) == ({"sum": "5"}, {"mine": "x"})

    @pytest.mark.parametrize("propagates", [True, False])
    def test_a_failure_is_captured_once(self, propagates):
        app = make_app(task_always_eager=True, task_eager_propagates=propagates)
        with record() as recorded:
            result = None
            try:
                result = app.fail.delay("value")
            except ValueError:
                pass
            assert (result is None) is propagates
        (task,) = recorded.transactions
        assert (task.status, recorded.errors[0].span_id, len(recorded.errors)) == ("internal_error", task.span_id, 1)

    def test_traced_twice_is_traced_once(self):
        app = make_app(task_always_eager=True)
        trace(app)
        with record() as recorded:
            app.add.delay(1, 1)
        assert len(recorded.transactions) == 1


def test_without_a_client_tasks_run_as_ever():
    instrument.close()
    assert make_app(task_always_eager=True).add.delay(2, 3).get() == 5
