"""uWSGI loads a program, and then forks in C without a word to Python.

It takes a compiler to install, so here a program stands in for it: it has the module that uWSGI gives to what it runs,
and forks past Python.
"""

import subprocess
import sys

import pytest

from instrument.exporters import Sentry
from instrument.options import Options
from instrument.wire import read_envelope
from tests.export.worlds import LIMIT, ROOT
from tests.transport.servers import Server

PROGRAM = """
import ctypes
import os
import sys
import types

import instrument

uwsgi = types.ModuleType("uwsgi")
uwsgi.worker_id = uwsgi.mule_id = lambda: 0
uwsgi.i_am_the_spooler = lambda: None
sys.modules["uwsgi"] = uwsgi

instrument.init(sys.argv[1], spool_dir=sys.argv[2])
with instrument.transaction("task", "preloaded"):
    pass
print("threads", len(os.listdir("/proc/self/task")), flush=True)
for number in (1, 2):
    if getattr(ctypes, sys.argv[3])(None).fork() == 0:
        uwsgi.worker_id = lambda: number
        for request in range(20):
            with instrument.transaction("http.server", f"/{number}/{request}"):
                pass
        print("sent", instrument.flush(30), flush=True)
        os._exit(0)
print("ended", [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)], flush=True)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def names(server):
    items = [item for request in server.received for item in read_envelope(request.body).items]
    return sorted(item.json()["transaction"] for item in items if item.type == "transaction")


@pytest.mark.parametrize("threads", ["PyDLL", "CDLL"], ids=["no threads", "threads"])
def test_what_its_workers_and_the_process_before_them_record_arrives_once(threads, tmp_path):
    """Without threads uWSGI holds the interpreter's lock while it forks, as `PyDLL` does; with them it lets it go."""
    with Server() as server:
        dsn, spool = f"http://0123456789abcdef@127.0.0.1:{server.port}/7", tmp_path / "spool"
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, dsn, spool, threads],
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=2 * LIMIT,
            check=False,
        )
        assert sorted(done.stdout.splitlines()) == ["ended [0, 0]", "sent True", "sent True", "threads 1"], done
        exporter = Sentry(dsn)
        exporter.connect(Options.read(spool_dir=spool))
        assert exporter.flush(LIMIT, orphans=True)
        exporter.close(LIMIT)
        arrived = names(server)
    assert arrived == sorted(["preloaded", *(f"/{number}/{request}" for number in (1, 2) for request in range(20))])
