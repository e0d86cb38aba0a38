"""Errors that nobody caught: each is captured once, with the hook that was there still called."""

import asyncio
import gc
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import instrument
from instrument.exporters import Memory
from tests.relay_check import assert_relay_accepts

ROOT = Path(__file__).parent.parent.parent
LIMIT = 30


@pytest.fixture
def memory():
    memory = Memory()
    instrument.init(exporter=memory)
    return memory


def captured(memory):
    return [(event.exceptions[-1]["type"], event.exceptions[-1]["mechanism"]) for event in memory.errors]


def unhandled(kind):
    return {"type": kind, "handled": False, "exception_id": 0}


def run(program, folder, code=1):
    """Run a program that delivers to a file; its standard error and the events."""
    events = folder / "events"
    head = (
        "import instrument; from instrument.exporters import JsonLines\n"
        f"instrument.init(exporter=JsonLines({str(events)!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + program], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == code, done.stderr
    found = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    for event in found:
        assert_relay_accepts(event)
    return done.stderr, found


def test_what_ends_the_program_is_captured_and_printed_as_ever(tmp_path):
    said, (event,) = run("{}['missing']", tmp_path)
    (value,) = event["exception"]["values"]
    assert (value["type"], value["mechanism"]) == ("KeyError", unhandled("excepthook"))
    assert event["threads"]["values"][0]["crashed"] is True
    assert said.count("KeyError: 'missing'") == 1 and "Traceback" in said


def test_the_programs_own_hook_is_called(tmp_path):
    program = (
        "import sys; former = sys.excepthook\n"
        "sys.excepthook = lambda *a: (print('mine', file=sys.stderr), former(*a))\n1/0"
    )
    said, events = run(program, tmp_path)
    assert "mine" in said and "ZeroDivisionError" in said
    assert len(events) == 1


def test_an_error_that_was_captured_on_its_way_out_is_one_event(tmp_path):
    """Also when the hook runs outside of the trace in which it was captured."""
    program = (
        "with instrument.isolated_scope():\n    try:\n        1/0\n"
        "    except ZeroDivisionError:\n        instrument.capture_exception()\n        raise"
    )
    _, (event,) = run(program, tmp_path)
    assert event["exception"]["values"][-1]["mechanism"]["handled"] is True


@pytest.mark.parametrize(("program", "code"), [("raise SystemExit(3)", 3), ("import sys; sys.exit(0)", 0)])
def test_leaving_the_program_is_no_error(tmp_path, program, code):
    assert run(program, tmp_path, code)[1] == []


def test_interrupting_the_program_is_no_error(tmp_path):
    said, events = run("raise KeyboardInterrupt", tmp_path, code=-2 if sys.platform != "win32" else 1)
    assert "KeyboardInterrupt" in said and events == []


def test_errors_while_the_interpreter_ends_do_no_harm(tmp_path):
    program = (
        "import atexit\nclass Bad:\n    def __del__(self): raise ValueError('late')\n"
        "keep = Bad(); keep.me = keep\natexit.register(lambda: 1/0)\n"
    )
    said, _ = run(program, tmp_path, code=0)
    assert "ZeroDivisionError" in said and "instrument" not in said.replace("import instrument", "")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_ends_a_thread_is_captured_with_the_span_it_was_raised_in(memory):
    def work():
        with instrument.transaction("a", "b"):
            raise ValueError("in a thread")

    thread = threading.Thread(target=work, name="worker-7")
    thread.start()
    thread.join(LIMIT)
    assert captured(memory) == [("ValueError", unhandled("threading"))]
    (error,), (item,) = memory.errors, memory.transactions
    assert (error.trace_id, error.span_id) == (item.trace_id, item.span_id)
    assert error.threads[0]["name"] == "worker-7"


def test_what_ends_a_thread_is_printed_as_ever_and_leaving_one_is_no_error(tmp_path):
    program = (
        "import sys, threading\n"
        "for target in (sys.exit, lambda: 1/0):\n"
        "    thread = threading.Thread(target=target); thread.start(); thread.join()\n"
    )
    said, (event,) = run(program, tmp_path, code=0)
    assert "Exception in thread Thread-2" in said and "ZeroDivisionError" in said
    assert event["exception"]["values"][-1]["mechanism"] == unhandled("threading")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_error_in_a_finalizer_is_captured(memory, monkeypatch):
    told = []
    with monkeypatch.context() as patch:
        patch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_type))
        instrument.unpatch("sys.unraisablehook")
        instrument.patch("sys.unraisablehook")

        class Bad:
            def __del__(self):
                raise ValueError("in __del__")

        bad = Bad()
        del bad
        cycle = Bad()
        cycle.me = cycle
        del cycle
        gc.collect()
        instrument.unpatch("sys.unraisablehook")
    assert captured(memory) == [("ValueError", unhandled("unraisable"))] * 2
    assert told == [ValueError, ValueError]


def test_errors_of_tasks_nobody_asks_and_of_callbacks_are_captured(memory, caplog):
    async def main():
        async def fail():
            raise OSError("lost")

        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        del task
        gc.collect()
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: [][1])
        loop.call_soon(done.set)
        await done.wait()

    asyncio.run(main())
    assert captured(memory) == [("OSError", unhandled("asyncio")), ("IndexError", unhandled("asyncio"))]
    assert len([entry for entry in caplog.records if entry.name == "asyncio"]) == 2


def test_a_loop_handler_of_the_program_is_still_called(memory):
    told = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
        done = asyncio.Event()
        loop.call_soon(lambda: [][1])
        loop.call_soon(done.set)
        await done.wait()

    asyncio.run(main())
    assert [type(error) for error in told] == [IndexError]
    assert captured(memory) == [("IndexError", unhandled("asyncio"))]


def test_the_hooks_are_as_before_when_they_are_taken_off():
    instrument.unpatch()
    names = {"sys": ("excepthook", "unraisablehook"), "threading": ("excepthook",)}
    before = {(module, name): getattr(sys.modules[module], name) for module, held in names.items() for name in held}
    instrument.init(exporter=Memory())
    instrument.init(exporter=Memory(), default_integrations=False)
    assert {key: getattr(sys.modules[key[0]], key[1]) for key in before} == before


def test_an_error_of_an_executor_and_of_a_generator_is_captured_where_it_is_asked_for(memory):
    from concurrent.futures import ThreadPoolExecutor

    def numbers():
        yield 1
        raise LookupError("in a generator")

    with ThreadPoolExecutor(1) as pool:
        for work in (lambda: 1 / 0, lambda: list(numbers())):
            with pytest.raises((ZeroDivisionError, LookupError)) as caught:
                pool.submit(work).result(LIMIT)
            instrument.capture_exception(caught.value)
    assert [kind for kind, _ in captured(memory)] == ["ZeroDivisionError", "LookupError"]
    assert memory.errors[1].exceptions[0]["stacktrace"]["frames"][-1]["function"] == "numbers"
