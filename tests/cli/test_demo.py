"""The demo as a newcomer runs it: piped, with a store or a DSN, interrupted, and on a Python without test data."""

import os
import re
import signal
import socket
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from instrument.cli.demo import second_process
from instrument.cli.demo.library import choose, undecodable
from instrument.cli.main import main
from instrument.store import FILE_NAME
from instrument.store.reading import Reader, walk
from tests.examples.sink import LIMIT, arrived, environment
from tests.transport.servers import Server, until

DEMO = [sys.executable, "-m", "instrument", "demo", "--files", "9"]


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The state folder of one demo, which many tests look at."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def output(state):
    """What that demo printed."""
    return run(state, "--width", "80")


@pytest.fixture(scope="module")
def trace(state, output):
    """The trace that it names at its end."""
    return shown_trace(state, output)


def demo(state, *arguments, **variables):
    return subprocess.run(
        [*DEMO, *arguments],
        env=environment(XDG_STATE_HOME=str(state), **variables),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=False,
    )


def run(state, *arguments, **variables):
    done = demo(state, *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def shown_trace(state, output):
    """The trace that the demo names at its end, out of the store."""
    prefix = re.search(r" show ([0-9a-f]{8}) ", output).group(1)
    with Reader(state / "instrument" / FILE_NAME) as reader:
        return reader.trace(prefix)


def parents(trace):
    """Process and op of every span in a trace to those of its parent."""
    return {
        (child.transaction.label, child.op): (node.transaction.label, node.op)
        for node in walk(trace.roots)
        for child in node.children
    }


def test_the_trace_it_shows_spans_both_processes_and_the_threads(trace):
    assert parents(trace) == {
        ("indexer", "task"): ("indexer", "job"),
        ("indexer", "file.read"): ("indexer", "task"),
        ("indexer", "tokenise"): ("indexer", "task"),
        ("indexer", "post"): ("indexer", "task"),
        ("indexer", "http.client"): ("indexer", "post"),
        ("service", "http.server"): ("indexer", "http.client"),
        ("service", "parse"): ("service", "http.server"),
        ("service", "lock"): ("service", "http.server"),
        ("service", "store"): ("service", "http.server"),
        ("service", "db"): ("service", "store"),
    }
    assert {transaction.process for transaction in trace.transactions} == {"indexer", "service"}
    assert len({transaction.pid for transaction in trace.transactions}) == 2


def test_one_file_truly_fails_and_its_error_is_on_the_span_that_read_it(trace):
    [(failed, error)] = [(node, error) for node in walk(trace.roots) for error in node.errors]
    assert (failed.op, failed.status) == ("file.read", "internal_error")
    assert error.title.startswith("SyntaxError: ")
    assert trace.errors == ()


def test_what_was_recorded_was_delivered(output):
    assert "Indexed 8 files" in output and "1 file failed." in output
    assert re.search(rf"^the indexer +{len(choose(9))} +[1-9]\d* +1   all delivered$", output, re.M)
    assert re.search(r"^the service +8 +[1-9]\d* +0   all delivered$", output, re.M)


def test_piped_it_is_plain_and_fits(output):
    assert output.isprintable() or set(filter(lambda one: not one.isprintable(), output)) == {"\n"}
    assert max(map(len, output.split("job index tokenize", 1)[1].split("Next:")[0].splitlines())) <= 80


def test_it_can_be_run_again_into_the_same_store(state, trace):
    again = shown_trace(state, run(state))
    assert again.trace_id != trace.trace_id
    assert (again.spans, again.error_count) == (trace.spans, trace.error_count)


def test_the_next_command_shows_the_trace(state, trace, monkeypatch, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    assert main(["show", trace.trace_id[:8]]) == 0
    assert trace.trace_id in capsys.readouterr().out


def test_with_a_dsn_it_ships_there_and_keeps_nothing_here(tmp_path):
    with Server() as server:
        output = run(tmp_path, SENTRY_DSN=f"http://{'k' * 32}@127.0.0.1:{server.port}/7")
        there = arrived([request.body for request in server.received], output)
    assert f"Their traces go to http://127.0.0.1:{server.port}, project 7." in output
    assert "k" * 32 not in output
    assert output.count("all delivered") == 2
    assert not (tmp_path / "instrument" / FILE_NAME).exists()

    named = re.search(r"trace ([0-9a-f]{32}) spans both processes", output).group(1)
    of_trace = [one for one in there.transactions if one["contexts"]["trace"]["trace_id"] == named]
    assert {one["transaction"] for one in of_trace} == {"index tokenize", "POST /words"}
    assert len({one["contexts"]["process"]["pid"] for one in of_trace}) == 2
    [error] = there.errors
    assert error["contexts"]["trace"]["trace_id"] == named
    assert len(there.transactions) == len(choose(9)) + 8


def test_with_a_server_that_is_away_it_says_what_waits(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # Nobody listens there, and nobody else will.
        done = demo(tmp_path, SENTRY_DSN=f"http://{'k' * 32}@127.0.0.1:{silent.getsockname()[1]}/7")
    assert done.returncode == 0
    assert re.search(r"^the service +8 +\d+ +0   \d+ waiting on disk$", done.stdout, re.M)
    assert "What waits is sent as soon as" in done.stdout
    assert "k" * 32 not in done.stdout + done.stderr


def test_where_nothing_is_sampled_there_is_no_trace_to_show(tmp_path):
    output = run(tmp_path, INSTRUMENT_TRACES_SAMPLE_RATE="0")
    assert "not sampled" in output
    assert "Next:" not in output


@pytest.mark.skipif(sys.platform == "win32", reason="needs Python on a POSIX system")
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_interrupted_it_leaves_no_process_and_no_file_behind(tmp_path, sign, code):
    process = subprocess.Popen(
        [*DEMO, "--files", "100000"],
        env=environment(XDG_STATE_HOME=str(tmp_path / "state"), TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background lets them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert until(lambda: any(words.stat().st_size > 50_000 for words in tmp_path.glob("*/words.db")), LIMIT)
        if sign is signal.SIGINT:
            os.killpg(process.pid, sign)  # As a terminal does it: both processes get it.
        else:
            process.send_signal(sign)
        # Both processes hold the same stderr, so it ends when the last of them has ended.
        _, errors = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
    assert (process.returncode, errors) == (code, "")
    assert list(tmp_path.glob("instrument-demo-*")) == []


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        ("raise SystemExit(3)", "the indexing service did not start"),
        ("print(1, flush=True)", "the indexing service did not say what it recorded"),
    ],
)
def test_a_service_that_fails_is_told_in_one_line(tmp_path, monkeypatch, capsys, program, complaint):
    broken = tmp_path / "service.py"
    broken.write_text(program)
    monkeypatch.setattr(second_process, "PROGRAM", broken)
    assert main(["demo", "--files", "3"]) == 1
    assert capsys.readouterr().err == f"instrument: {complaint}\n"


@pytest.mark.parametrize("count", [3, 4, 10, 120])
def test_as_many_files_are_chosen_as_are_asked_for(count):
    batches = choose(count)
    paths = [path for batch in batches for path in batch.paths]
    assert len(paths) == len(set(paths)) == count
    assert all(path.is_file() for path in paths)


def test_a_few_files_come_from_many_packages():
    names = [batch.name for batch in choose(60)]
    assert len(names) == len(set(names)) >= 15
    assert {"asyncio", "collections", "email"} <= set(names)


def test_where_a_python_has_no_test_data_the_interpreter_itself_is_what_cannot_be_decoded(tmp_path):
    path = undecodable(tmp_path)
    assert path == Path(sys.executable)
    with pytest.raises((SyntaxError, UnicodeError)), tokenize.open(path) as file:
        file.read()


@pytest.mark.parametrize("words", [["--files", "2"], ["--files", "many"], ["--files", "-1"]])
def test_a_wrong_number_of_files_is_refused(words, capsys):
    assert main(["demo", *words]) == 2
    assert "is not a number from 3 to 100000" in capsys.readouterr().err
