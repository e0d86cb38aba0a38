"""subprocess: the start of a program and the waits for it are spans, and nothing else changes."""

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
import traceback

import pytest

import instrument
from instrument.exporters import Memory
from tests.contracts.web import LIMIT

PYTHON = sys.executable
SHOW = "import os; print(os.environ.get('SENTRY_TRACE'), os.environ.get('MINE'))"
SILENT = "pass"
FILTERED = "[Filtered]"
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")


@pytest.fixture
def memory():
    memory = Memory()
    instrument.init(exporter=memory)
    return memory


def record(memory, function, *args, **given):
    """The spans of a transaction in which `function` is called, and what the call came to."""
    with instrument.transaction("test", "programs"):
        try:
            outcome = function(*args, **given)
        except Exception as error:
            outcome = error
    return memory.transactions[-1].spans, outcome


def ops(spans):
    return [span.op for span in spans]


@pytest.mark.parametrize("function", [subprocess.run, subprocess.call, subprocess.check_call, subprocess.check_output])
def test_a_program_is_a_start_and_a_wait(memory, function):
    spans, _ = record(memory, function, [PYTHON, "-c", SILENT], timeout=LIMIT)
    waits = ["subprocess.wait"] if function.__name__.endswith("call") else ["subprocess.communicate", "subprocess.wait"]
    assert ops(spans) == ["subprocess", *waits]
    start, wait = spans[:2]
    assert {span.description for span in spans} == {f"{PYTHON} -c pass"}
    assert {span.status for span in spans} == {"ok"}
    assert int(start.tags["subprocess.pid"]) > 0
    assert {span.tags["subprocess.pid"] for span in spans} == {start.tags["subprocess.pid"]}
    assert start.data == {"sentry.origin": "auto.subprocess.stdlib.subprocess"}
    assert wait.data == {"sentry.origin": "auto.subprocess.stdlib.subprocess", "subprocess.returncode": 0}
    root = memory.transactions[-1].span_id
    assert [span.parent_span_id for span in spans] == [root, root, wait.span_id][: len(spans)]


def test_a_process_is_waited_for_once(memory):
    def work():
        with subprocess.Popen([PYTHON, "-c", "import sys; sys.exit(3)"]) as process:
            assert process.wait(LIMIT) == 3
            assert process.wait() == process.poll() == 3
        return process.returncode

    spans, code = record(memory, work)
    assert (code, ops(spans)) == (3, ["subprocess", "subprocess.wait"])
    assert spans[1].data["subprocess.returncode"] == 3


def test_the_output_and_the_errors_are_those_of_subprocess(memory):
    spans, done = record(memory, subprocess.run, [PYTHON, "-c", "print(input())"], input=b"x\n", capture_output=True)
    assert (done.stdout, done.returncode, len(spans)) == (b"x\n", 0, 3)
    command = [PYTHON, "-c", "import sys; sys.exit(2)"]
    _, error = record(memory, subprocess.run, command, check=True)
    assert (type(error), error.returncode, error.cmd) == (subprocess.CalledProcessError, 2, command)


@posix
def test_a_wait_that_takes_too_long_says_so(memory):
    def work():
        process = subprocess.Popen(["sleep", "60"])
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=0.01)
        process.kill()
        return process.wait()

    spans, code = record(memory, work)
    assert code == -signal.SIGKILL
    assert [(span.op, span.status) for span in spans] == [
        ("subprocess", "ok"),
        ("subprocess.wait", "deadline_exceeded"),
        ("subprocess.communicate", "deadline_exceeded"),
        *([("subprocess.wait", "deadline_exceeded")] if len(spans) == 5 else []),
        ("subprocess.wait", "ok"),
    ]
    assert "subprocess.returncode" not in spans[1].data
    assert spans[-1].data["subprocess.returncode"] == -signal.SIGKILL


@pytest.mark.parametrize(
    ("command", "given", "kind"),
    [
        (["no such program"], {}, FileNotFoundError),
        ([PYTHON], {"cwd": "/no/such/folder"}, FileNotFoundError),
        ([PYTHON], {"env": 7}, (AttributeError, TypeError)),
        ([PYTHON], {"env": [("A", "B")]}, (AttributeError, TypeError)),
        ([PYTHON], {"env": {"A": 7}}, TypeError),
        ([PYTHON, None], {}, TypeError),
        (7, {}, TypeError),
        ([PYTHON], {"nonsense": 1}, TypeError),
    ],
)
def test_a_program_that_does_not_start_ends_its_span_and_raises_as_ever(memory, command, given, kind):
    (start,), error = record(memory, subprocess.Popen, command, **given)
    assert isinstance(error, kind)
    raised = traceback.extract_tb(error.__traceback__)[-1].filename
    assert not raised.endswith(os.path.join("patches", "subprocess.py")), "by us, not by the library"
    assert (start.op, start.status, start.tags) == ("subprocess", "internal_error", None)
    assert instrument.get_current_span() is None


def test_nothing_is_started_without_a_command(memory):
    (start,), error = record(memory, subprocess.Popen)
    assert isinstance(error, TypeError)
    assert start.status == "internal_error"


@posix
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["echo", "two words", "", 'a"b'], """echo "two words" "" 'a"b'"""),
        (["echo", "A='1' \"2\" 3"], """echo A="'1' \\"2\\" 3\""""),
        ([b"echo", pathlib.Path("a"), b"\xc3\xa4"], "echo a ä"),
        (("echo",), "echo"),
        ("echo", "echo"),
        (b"echo", "echo"),
        (pathlib.Path("/bin/echo"), "/bin/echo"),
        (["echo", b"\xff"], r"echo \udcff"),
        (iter(["echo", "--password", "x"]), "<list_iterator>"),
        (["echo", *map(str, range(60))], "echo " + " ".join(map(str, range(49))) + " ... 11 more"),
        (["echo", "x " * 300], f'echo "{"x " * 99}x..."'),
        (["echo", "x" * 300], "echo ..."),
        (["echo", "--password", "p w"], f'echo --password "{FILTERED}"'),
        (["echo", "--token=abc def"], f'echo --token="{FILTERED}"'),
        (["echo", "API_KEY=it's"], f'echo API_KEY="{FILTERED}"'),
        (["echo", "http://user:word@host/"], f"echo http://{FILTERED}@host/"),
        (["echo", "f(password='hidden')"], f"echo \"f(password='{FILTERED}')\""),
        (["echo", "http://user:" + "w" * 300 + "@host/"], "echo ..."),
        (["echo", "PASSWORD=" + "hidden " * 50], f'echo PASSWORD="{FILTERED}"'),
    ],
    ids=str,
)
def test_the_command_is_said_shortly_and_without_its_secrets(memory, command, said):
    spans, done = record(memory, subprocess.run, command, stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert spans[0].description == said


@posix
def test_what_a_shell_runs_and_where(memory, tmp_path):
    spans, done = record(memory, subprocess.run, "pwd; exit 4", shell=True, cwd=tmp_path, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout.decode().strip()) == (4, os.path.realpath(tmp_path))
    assert spans[0].description == "pwd; exit 4"
    assert (spans[0].data["subprocess.cwd"], spans[0].data["subprocess.shell"]) == (str(tmp_path), True)
    spans, done = record(memory, subprocess.run, ["echo $1", "sh", "x"], shell=True, stdout=subprocess.PIPE)
    assert (done.stdout, spans[0].description) == (b"x\n", '"echo $1" sh x')


@posix
def test_what_runs_between_fork_and_start_runs_as_ever(memory, tmp_path):
    mark = tmp_path / "mark"

    def prepare():
        with instrument.span("never", "arrives"):
            mark.write_text("here")

    spans, done = record(memory, subprocess.run, [PYTHON, "-c", SILENT], preexec_fn=prepare)
    assert (done.returncode, mark.read_text(), len(spans)) == (0, "here", 3)

    def refuse():
        raise KeyError(1)

    (start,), error = record(memory, subprocess.run, [PYTHON, "-c", SILENT], preexec_fn=refuse)
    assert (type(error), start.status) == (subprocess.SubprocessError, "internal_error")


def test_subclasses_are_recorded_once_and_stay_what_they_are(memory):
    class Own(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            self.mine = 1
            super().__init__(*args, **kwargs)

        def wait(self, timeout=None):
            return super().wait(timeout) + 10

    def work():
        with Own([PYTHON, "-c", SILENT]) as process:
            return process.wait(LIMIT), process.mine, type(process)

    spans, outcome = record(memory, work)
    assert outcome == (10, 1, Own)
    assert ops(spans) == ["subprocess", "subprocess.wait"]


def shown(**given):
    return subprocess.run(
        [PYTHON, "-c", SHOW], stdout=subprocess.PIPE, text=True, timeout=LIMIT, **given
    ).stdout.split()


def test_the_child_is_told_the_span_of_its_start(memory):
    spans, (trace, mine) = record(memory, shown, env={**os.environ, "MINE": "1"})
    assert (trace, mine) == (f"{spans[0].trace_id}-{spans[0].span_id}-1", "1")


@posix
def test_an_environment_of_bytes_carries_the_trace(memory, monkeypatch):
    monkeypatch.setenv("SENTRY_TRACE", "1" * 32 + "-" + "1" * 16)
    spans, (trace, mine) = record(memory, shown, env={**os.environb, b"MINE": b"1"})
    assert (trace, mine) == (f"{spans[0].trace_id}-{spans[0].span_id}-1", "1")
    chosen = "2" * 32 + "-" + "2" * 16
    _, (trace, _) = record(memory, shown, env={**os.environb, b"SENTRY_TRACE": chosen.encode()})
    assert trace == chosen


@posix
def test_who_wants_an_empty_environment_gets_one(memory):
    _, done = record(memory, subprocess.run, ["/usr/bin/env"], env={}, stdout=subprocess.PIPE)
    assert done.stdout == b""


@posix
@pytest.mark.parametrize("env", [None, dict(os.environ)], ids=["inherited", "given"])
def test_what_a_preparation_sets_is_there_as_ever(memory, env):
    def prepare():
        os.environ["MINE"] = "prepared"

    _, expected = record(memory, shown, env=env)
    without = "prepared" if env is None else "None"
    spans, (trace, mine) = record(memory, shown, env=env, preexec_fn=prepare)
    assert (trace, mine) == (f"{spans[0].trace_id}-{spans[0].span_id}-1", without)
    assert expected[1] == "None" and "MINE" not in os.environ


def test_asyncios_subprocesses_are_started_in_a_span_and_carry_the_trace(memory):
    async def work():
        with instrument.span("stage", "stage"):
            process = await asyncio.create_subprocess_exec(PYTHON, "-c", SHOW, stdout=subprocess.PIPE)
            return (await process.communicate())[0].split()[0].decode()

    (stage, start), trace = record(memory, lambda: asyncio.run(work()))
    assert (start.op, start.parent_span_id) == ("subprocess", stage.span_id)
    assert trace == f"{start.trace_id}-{start.span_id}-1"
    assert start.tags["subprocess.pid"]


def test_outside_a_transaction_and_where_suppressed_nothing_is_recorded(memory):
    assert shown() == ["None", "None"]
    with instrument.transaction("test", "suppressed"), instrument.suppress():
        assert shown() == ["None", "None"]
    assert memory.transactions[-1].spans == []


def test_unsampled_the_child_learns_of_it_and_nothing_is_recorded(memory):
    with instrument.transaction("test", "unsampled", sampled=False) as running:
        assert shown()[0] == f"{running.trace_id}-{running.span_id}-0"
    assert memory.transactions == []


@posix
def test_a_forked_process_records_what_it_starts(memory):
    reading, writing = os.pipe()
    with instrument.transaction("test", "parent") as parent:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with instrument.span("stage", "in the child") as stage:
                    trace = shown()[0].split("-")
                    is_right = (trace[0], stage.trace_id) == (parent.trace_id,) * 2
                    code = 0 if is_right and os.write(writing, trace[1].encode()) else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() not in ("", parent.span_id)
    assert memory.transactions[-1].spans == []
    assert instrument.get_current_span() is None


def test_taken_off_nothing_is_left(memory):
    instrument.unpatch("subprocess")
    assert all(
        type(vars(subprocess.Popen)[name]).__name__ == "function" for name in ("__init__", "wait", "communicate")
    )
    spans, trace = record(memory, shown)
    assert (spans, trace) == ([], ["None", "None"])


@pytest.mark.parametrize("state", ["taken off", "closed"])
def test_a_process_outlives_the_patch(memory, state):
    with instrument.transaction("test", "taken off"):
        process = subprocess.Popen([PYTHON, "-c", SILENT])
        instrument.unpatch("subprocess") if state == "taken off" else instrument.close()
        assert process.wait(LIMIT) == 0


def test_no_fault_was_counted(memory):
    record(memory, subprocess.run, [PYTHON, "-c", SILENT])
    (state,) = (state for state in instrument.patches() if state.name == "subprocess")
    assert (state.state, state.faults) == ("on", 0)
    assert state.calls >= 3
