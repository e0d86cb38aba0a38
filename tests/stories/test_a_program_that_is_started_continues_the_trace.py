"""subprocess: the child's `init` finds the trace in its environment, and continues it below the span of its start."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import instrument
from instrument import span, transaction
from tests.stories.told import LIMIT, ToldInFile

ROOT = str(Path(__file__).parents[2])
CHILD = """
import sys
import instrument
from instrument.exporters import JsonLines

instrument.init(exporter=JsonLines(sys.argv[1]))
with instrument.transaction("child", sys.argv[2]):
    pass
"""
SHOW = "import os; print(os.environ.get('SENTRY_TRACE'), os.environ.get('MINE'))"


def command(told, name):
    return [sys.executable, "-c", CHILD, str(told.path), name]


def shown(**given):
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, timeout=LIMIT, **given)
    return done.stdout.split()


def test_a_program_that_is_started_continues_the_trace(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([ROOT, *filter(None, sys.path)]))
    told = ToldInFile(tmp_path / "events.jsonl")

    async def in_a_task():
        process = await asyncio.create_subprocess_exec(*command(told, "asyncio"))
        assert await process.wait() == 0

    with transaction("test", "programs"):
        with span("stage", "stage"):
            subprocess.run(command(told, "run"), check=True, timeout=LIMIT)
        with subprocess.Popen(command(told, "popen")) as process:
            assert process.wait(LIMIT) == 0
        with span("task", "task"):
            asyncio.run(in_a_task())
    assert told.traces == 1
    nodes = {}
    for event in told.events:
        place = event["contexts"]["trace"]
        nodes[place["span_id"]] = (event["transaction"], place.get("parent_span_id"))
        nodes.update((one["span_id"], (one["op"], one["parent_span_id"])) for one in event.get("spans", ()))

    def way(name):
        """The ops and names from the one of this name up to the root."""
        [at] = [span_id for span_id, node in nodes.items() if node[0] == name]
        while at is not None:
            yield nodes[at][0]
            at = nodes[at][1]

    assert list(way("run")) == ["run", "subprocess", "stage", "programs"]
    assert list(way("popen")) == ["popen", "subprocess", "programs"]
    assert list(way("asyncio")) == ["asyncio", "subprocess", "task", "programs"]


def test_the_callers_own_environment_is_neither_changed_nor_lost(told):
    given = {**os.environ, "MINE": "1"}
    before = dict(given)
    with transaction("test", "environment") as running:
        trace, mine = shown(env=given)
    start = told.items[0].spans[0]
    assert (start.op, start.parent_span_id) == ("subprocess", running.span_id)
    assert (trace, mine) == (f"{running.trace_id}-{start.span_id}-1", "1")
    assert given == before
    assert "SENTRY_TRACE" not in os.environ


def test_the_place_of_env_may_be_positional(told):
    command_to_show = [sys.executable, "-c", SHOW]
    arguments = [-1, None, None, subprocess.PIPE, None, None, True, False, None, {**os.environ, "MINE": "2"}]
    with transaction("test", "positional") as running, subprocess.Popen(command_to_show, *arguments) as process:
        trace, mine = process.communicate(timeout=LIMIT)[0].decode().split()
    assert (trace[:32], mine) == (running.trace_id, "2")


def test_what_the_caller_put_there_stays_and_what_it_inherited_does_not(told, monkeypatch):
    inherited, chosen = "1" * 32 + "-" + "1" * 16, "2" * 32 + "-" + "2" * 16
    monkeypatch.setenv("SENTRY_TRACE", inherited)
    with transaction("test", "inherited", headers={}) as running:
        assert shown(env=dict(os.environ))[0][:32] == running.trace_id
        assert shown()[0][:32] == running.trace_id
        assert shown(env={**os.environ, "SENTRY_TRACE": chosen})[0] == chosen


def test_outside_a_transaction_and_where_suppressed_the_environment_is_as_it_is(told):
    assert shown() == ["None", "None"]
    with transaction("test", "suppressed"), instrument.suppress():
        assert shown() == ["None", "None"]
