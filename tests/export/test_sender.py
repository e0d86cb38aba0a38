"""The one thread: when it starts, what wakes it, how it ends, and what a fork leaves of it."""

import _thread
import contextvars
import os
import signal
import sys
import threading

import pytest

from instrument import _clock, _guard
from instrument.export import Sender
from instrument.recording import is_suppressed
from instrument.transport import MemoryTransport
from instrument.wire import read_envelope
from tests.export.worlds import DOWN, World, run_program
from tests.transport.servers import OK, Server, until

LIMIT = 20.0
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Steps:
    """A delivery that only notes who steps when."""

    def __init__(self, wait=60.0):
        self.wait = wait
        self.threads = []
        self.stepped = threading.Semaphore(0)
        self.action = lambda: None
        self.is_halted = False
        self.forgotten = 0

    def step(self):
        self.threads.append(threading.get_ident())
        self.action()
        self.stepped.release()
        return self.wait

    def forget(self):
        self.forgotten += 1

    def wait_for_step(self):
        assert self.stepped.acquire(timeout=LIMIT)


@pytest.fixture
def steps():
    return Steps()


@pytest.fixture
def sender(steps):
    sender = Sender(steps, MemoryTransport(), linger=0)
    yield sender
    sender.stop(last=lambda: None)


def test_there_is_no_thread_before_the_first_wake(sender, steps):
    assert not sender.is_running
    sender.wake()
    assert sender.is_running
    steps.wait_for_step()


def test_one_thread_does_all_steps_and_it_is_not_the_callers(sender, steps):
    for _ in range(5):
        sender.wake()
        steps.wait_for_step()
    assert len(set(steps.threads)) == 1
    assert threading.get_ident() not in steps.threads


def test_eight_threads_that_wake_it_at_once_start_one(sender, steps):
    gate = threading.Barrier(8)

    def wake():
        gate.wait()
        sender.wake()

    threads = [threading.Thread(target=wake) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps.wait_for_step()
    assert len(set(steps.threads)) == 1


def test_a_wake_during_a_step_is_not_lost(sender, steps):
    steps.action = lambda: sender.wake() if len(steps.threads) == 1 else None
    sender.wake()
    steps.wait_for_step()
    steps.wait_for_step()


def test_it_steps_again_at_once_while_there_is_more(sender, steps):
    steps.wait = 0.0
    steps.action = lambda: setattr(steps, "wait", 60.0) if len(steps.threads) == 10 else None
    sender.wake()
    for _ in range(10):
        steps.wait_for_step()


def test_it_comes_back_by_itself_when_the_wait_is_over(sender, steps):
    steps.wait = 0.001
    sender.wake()
    for _ in range(5):
        steps.wait_for_step()


def test_nothing_is_current_in_its_context_even_where_threads_are_handed_one(sender, steps, monkeypatch):
    start = _thread.start_new_thread

    def start_with_context(function, *args):
        return start(contextvars.copy_context().run, (function, *args[0]))

    monkeypatch.setattr(_thread, "start_new_thread", start_with_context)
    variable = contextvars.ContextVar("variable", default="empty")
    variable.set("full")
    seen = []
    steps.action = lambda: seen.append((variable.get(), is_suppressed()))
    sender.wake()
    steps.wait_for_step()
    assert seen == [("empty", True)]


def test_a_stopped_one_has_no_thread_and_never_starts_again(sender, steps):
    sender.wake()
    steps.wait_for_step()
    sender.stop(last=lambda: None)
    assert until(lambda: not sender.is_running)
    sender.wake()
    assert not sender.is_running
    assert steps.is_halted


def test_what_is_to_be_done_last_is_done_once_when_the_thread_has_ended(sender, steps):
    entered, go_on, done = threading.Event(), threading.Event(), []
    steps.action = lambda: entered.set() or go_on.wait(LIMIT)
    sender.wake()
    entered.wait(LIMIT)
    sender.stop(last=lambda: done.append(sender.is_running))
    assert done == []
    go_on.set()
    assert until(lambda: done == [False])


def test_a_thread_that_died_of_its_own_bug_is_revived_after_a_minute(sender, steps, monkeypatch):
    monkeypatch.setattr(_guard, "strict", False)
    now = [1000.0]
    monkeypatch.setattr(_clock, "seconds", lambda: now[0])

    def fail():
        if len(steps.threads) == 1:
            steps.stepped.release()
            raise ValueError("a bug")

    steps.action = fail
    sender.wake()
    steps.wait_for_step()
    assert until(lambda: not sender.is_running)
    sender.wake()
    assert not sender.is_running
    now[0] += 61.0
    sender.wake()
    steps.wait_for_step()
    assert len(steps.threads) == 2


def test_where_no_thread_can_be_started_nothing_is_raised(sender, steps, monkeypatch):
    def refuse(*args):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    sender.wake()
    assert not sender.is_running
    monkeypatch.undo()
    sender.wake()
    steps.wait_for_step()


def test_a_signal_handler_may_wake_it_at_any_moment(sender, steps):
    before = signal.signal(signal.SIGALRM, lambda *_: sender.wake())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        for _ in range(20_000):
            sender.wake()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sender.is_running
    assert len(set(steps.threads)) <= 1


def test_records_that_come_together_wait_a_moment_for_each_other():
    world = World(max_records=100)
    sender = Sender(world.delivery, world.transport, linger=LIMIT)
    world.add("0")
    sender.wake()
    assert until(lambda: world.arrived == ["0"])
    for number in range(1, 50):
        world.add(str(number))
        sender.wake()
    sender.hurry()
    assert until(lambda: len(world.arrived) == 50)
    assert len(world.tried) <= 3
    sender.stop(last=lambda: None)


@needs_fork
def test_a_forked_child_has_no_thread_until_it_needs_one(sender, steps):
    sender.wake()
    steps.wait_for_step()
    child = os.fork()
    if not child:
        status = 1
        try:
            if not sender.is_running and steps.forgotten == 1:
                sender.wake()
                steps.wait_for_step()
                status = 0 if sender.is_running else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    sender.wake()
    steps.wait_for_step()


@needs_fork
def test_a_fork_while_the_thread_sleeps_steps_or_starts_leaves_a_child_that_works(sender, steps):
    steps.wait = 0.0
    for _ in range(30):
        sender.wake()
        child = os.fork()
        if not child:
            status = 1
            try:
                steps.stepped = threading.Semaphore(0)
                sender.wake()
                steps.wait_for_step()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0


def test_a_host_that_runs_no_fork_hooks_is_noticed_by_the_process_id(sender, steps, monkeypatch):
    sender.wake()
    steps.wait_for_step()
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    assert not sender.is_running
    sender.wake()
    steps.wait_for_step()
    assert len(set(steps.threads)) == 2


def test_stopping_breaks_off_a_hanging_request():
    hanging = threading.Event()
    world = World()

    def hang(body):
        hanging.wait(LIMIT)
        return DOWN

    world.transport.send = hang
    world.transport.close = hanging.set
    sender = Sender(world.delivery, world.transport, linger=0)
    world.add("a")
    sender.wake()
    assert until(lambda: world.delivery.sending_since is not None)
    sender.stop(last=lambda: None)
    assert hanging.is_set()
    assert until(lambda: not sender.is_running)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_four_children_send_their_own_and_nobody_elses(tmp_path):
    with Server() as server:
        run_program(
            """
            record(0, 10)
            children = []
            for child in range(1, 5):
                pid = os.fork()
                if not pid:
                    record(1000 * child, 1000 * child + 50)
                    exporter.close(10)
                    os._exit(0)
                children.append(pid)
            record(10, 20)
            assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
            exporter.close(10)
            """,
            f"http://key@127.0.0.1:{server.port}/7",
            tmp_path,
        )
        names = sorted(name_of(request) for request in server.received)
    expected = [*range(20), *(1000 * child + number for child in range(1, 5) for number in range(50))]
    assert names == sorted(map(str, expected))


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_fork_during_the_very_first_request_leaves_a_child_that_delivers(tmp_path):
    with Server() as server:
        first = threading.Event()

        def answer(request, connection):
            if not first.is_set():
                first.set()
                server.ended.wait(0.5)
            return OK

        server.answer = answer
        run_program(
            """
            record(0, 1)
            while exporter._shipping._sender.delivery.sending_since is None:
                sleep(0.001)
            children = []
            for child in range(1, 5):
                pid = os.fork()
                if not pid:
                    record(10 * child, 10 * child + 5)
                    os._exit(0 if exporter.flush(10) else 1)
                children.append(pid)
            assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
            assert exporter.flush(10)
            """,
            f"http://key@localhost:{server.port}/7",
            tmp_path,
        )
        names = sorted(name_of(request) for request in server.received)
    assert names == sorted(["0", *(str(10 * child + number) for child in range(1, 5) for number in range(5))])


@pytest.mark.parametrize("destination", ["Sentry", "Local"])
def test_the_thread_imports_nothing_as_a_fork_would_copy_the_import_lock(destination, tmp_path):
    with Server() as server:
        run_program(
            f"""
            from instrument.exporters import Local
            other = {{"Sentry": exporter, "Local": Local(spool + "/t.db")}}["{destination}"]
            other.connect(Options.read(spool_dir=spool + "/other"))
            before = set(sys.modules)
            other.export(transaction())
            other.export(error())
            other.books.count("errors", "unsampled")
            assert other.flush(10)
            assert set(sys.modules) == before, set(sys.modules) - before
            """,
            f"http://key@localhost:{server.port}/7",
            tmp_path,
        )


def name_of(request):
    """The transaction's name in an envelope."""
    (item,) = read_envelope(request.body).items
    return item.json()["transaction"]
