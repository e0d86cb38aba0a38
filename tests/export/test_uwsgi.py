"""uWSGI forks in C and runs our hooks only when it is told to. It takes a compiler to install, so it may be missing."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from instrument.exporters import Sentry
from instrument.options import Options
from instrument.wire import read_envelope
from tests.export.worlds import LIMIT, ROOT
from tests.transport.servers import Server, until

UWSGI = shutil.which("uwsgi", path=str(Path(sys.executable).parent))
REQUESTS = 40

APPLICATION = """
import os
import instrument

instrument.init(os.environ["DSN"], spool_dir=os.environ["SPOOL"])
with instrument.transaction("task", "preloaded"):
    pass

def application(environ, start_response):
    with instrument.transaction("http.server", environ["PATH_INFO"]):
        with instrument.span("work", "answer"):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(os.getpid()).encode()]
"""

pytestmark = pytest.mark.skipif(UWSGI is None, reason="uWSGI is not installed here")


def names(server):
    found = []
    for request in list(server.received):
        for item in read_envelope(request.body).items:
            if item.type == "transaction":
                found.append(item.json()["transaction"])
    return found


def ask(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT) as answer:
            return answer.read()
    except OSError:
        return b""


@pytest.mark.parametrize(
    "flags",
    [(), ("--enable-threads",), ("--enable-threads", "--py-call-uwsgi-fork-hooks")],
    ids=["no threads", "threads", "threads and fork hooks"],
)
def test_what_its_workers_and_the_process_before_them_record_arrives_once(flags, tmp_path):
    (tmp_path / "served.py").write_text(APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Server() as server:
        dsn, spool = f"http://0123456789abcdef@127.0.0.1:{server.port}/7", tmp_path / "spool"
        environment = {**os.environ, "DSN": dsn, "SPOOL": str(spool), "PYTHONPATH": f"{ROOT}:{tmp_path}"}
        command = [str(UWSGI), "--master", "--processes", "2", "--http-socket", f"127.0.0.1:{port}", "--die-on-term"]
        command += ["--virtualenv", sys.prefix, "--wsgi", "served", *flags]
        with subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                assert until(lambda: process.poll() is not None or ask(port, "/first") != b"")
                for number in range(REQUESTS):
                    assert ask(port, f"/{number}")
            finally:
                process.terminate()
                said = process.communicate(timeout=LIMIT)[0]
        exporter = Sentry(dsn)
        exporter.connect(Options.read(spool_dir=spool))
        assert exporter.flush(LIMIT, orphans=True)
        exporter.close(LIMIT)
        arrived = names(server)
    assert sorted(arrived) == sorted(["preloaded", "/first", *(f"/{number}" for number in range(REQUESTS))]), said
