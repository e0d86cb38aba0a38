"""Servers that know nothing of us are traced in every worker, if the environment asks for it: also after a reload."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from tests.cli.started_environment import Environment
from tests.examples.sink import LIMIT

APPLICATION = '''
import os, pathlib, time
import orders

HERE = pathlib.Path(__file__).parent / "marks"
GREETING = "first"

def serve(path):
    """Answer with our process; for `/both` once two processes are at it."""
    orders.place()
    if path == "/both":
        (HERE / str(os.getpid())).touch()
        until = time.monotonic() + 30
        while len(list(HERE.iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    return f"{GREETING} {os.getpid()}".encode()

def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [serve(environ["PATH_INFO"])]

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": serve(scope["path"])})
'''

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    made = Environment(tmp_path_factory.mktemp("environment"))
    made.install()
    return made


class Served:
    """A server that runs in a folder of its own: ask it, and see what it said."""

    def __init__(self, process):
        self.process = process
        self.said = []
        self.port = None
        self._announced = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._announced.wait(LIMIT), self.said
        assert self.port is not None, self.said

    def _listen(self):
        for line in self.process.stdout:
            self.said.append(line)
            announced = re.search(r"(?:Listening at:|running on) http://127\.0\.0\.1:(\d+)", line)
            if announced and self.port is None:
                self.port = int(announced[1])
                self._announced.set()
        self._announced.set()

    def ask(self, path="/"):
        """The two words of the answer, as soon as some worker listens."""
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=LIMIT) as answer:
                    greeting, pid = answer.read().decode().split()
                    return greeting, int(pid)
            except OSError as error:
                reason = getattr(error, "reason", error)
                assert isinstance(reason, ConnectionError) and self.process.poll() is None, (error, self.said)
                self._announced.clear()
                self._announced.wait(0.01)


@contextlib.contextmanager
def served(environment, folder, *words):
    """`python -m words…` in `folder`, traced, until the block ends."""
    (folder / "marks").mkdir()
    (folder / "shop.py").write_text(APPLICATION, "utf-8")
    process = subprocess.Popen(
        [environment.python, *words],
        cwd=folder,
        env=environment.variables({**environment.tracing(), "PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield Served(process)
        process.terminate()
        process.wait(LIMIT)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def processes(environment):
    """The processes in which something was recorded, as often as it was."""
    found = [one for trace in environment.traces() for one in trace.transactions]
    assert {one.event["transaction"] for one in found} <= {"place"}
    return sorted(one.pid for one in found)


GUNICORN = ("-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", "shop:wsgi")
UVICORN = ("-m", "uvicorn", "--port", "0", "shop:asgi")


@pytest.mark.parametrize(
    "words",
    [GUNICORN, (*GUNICORN, "--preload"), ("-E", *GUNICORN, "--pythonpath", "."), (*UVICORN, "--workers", "2")],
    ids=["gunicorn", "gunicorn preloaded", "gunicorn -E", "uvicorn"],
)
def test_every_worker_is_traced(environment, tmp_path, words):
    with served(environment, tmp_path, *words) as server:
        answers = []
        first = threading.Thread(target=lambda: answers.append(server.ask("/both")))
        first.start()
        # A worker that is at work takes no other request: the second goes to the other worker.
        ready = threading.Event()
        while not list((tmp_path / "marks").iterdir()) and first.is_alive():
            ready.wait(0.01)
        answers.append(server.ask("/both"))
        first.join(LIMIT)
    pids = sorted(pid for _, pid in answers)
    assert len(set(pids)) == 2
    assert server.process.pid not in pids
    assert processes(environment) == pids


def test_one_process_is_traced(environment, tmp_path):
    with served(environment, tmp_path, *UVICORN) as server:
        _, pid = server.ask()
    assert processes(environment) == [pid] == [server.process.pid]


def test_a_worker_is_traced_after_a_reload(environment, tmp_path):
    with served(environment, tmp_path, *UVICORN, "--reload") as server:
        answers = [server.ask()]
        source = tmp_path / "shop.py"
        source.write_text(APPLICATION.replace('"first"', '"second"'), "utf-8")
        until = time.monotonic() + LIMIT
        while answers[-1][0] != "second" and time.monotonic() < until:
            # The reloader compares with what its first look found, which may be now: so it changes again and again.
            changed = 2_000_000_000 + len(answers)
            os.utime(source, (changed, changed))
            answers.append(server.ask())
    pids = {pid for _, pid in answers}
    assert answers[-1][0] == "second" and len(pids) >= 2 and server.process.pid not in pids
    assert set(processes(environment)) == pids
