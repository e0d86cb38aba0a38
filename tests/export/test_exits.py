"""All the ways in which a program can end: what it finished is delivered, maybe by the next one, and it ends soon."""

import socket
import sys
import time

import pytest

from instrument.exporters import Sentry
from instrument.options import Options
from instrument.wire import read_envelope
from tests.export.worlds import LIMIT, run_program
from tests.transport.servers import Server, never, status

KEY = "0123456789abcdef0123456789abcdef"
BOUND = 10.0
"""Seconds, against a hang; what is measured on a quiet machine is a tenth of a second."""

WAYS = {
    "return": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "exception": ("raise ValueError('end')", 1),
    "sys.exit in a thread": ("t = threading.Thread(target=sys.exit); t.start(); t.join()", 0),
    "exception in a thread": ("t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()", 0),
    "os._exit": ("os._exit(4)", 4),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", -9),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", -15),
    "SIGTERM with a handler": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)",
        0,
    ),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT); time.sleep(30)", None),
    "abort": ("os.abort()", -6),
    "a record in atexit": ("atexit.register(record, 200, 201)", 0),
    "a record in a late __del__": ("class L:\n    def __del__(self): record(200, 201)\nlate = L()", 0),
    "a daemon thread that goes on recording": (
        "go_on = lambda: [record(n, n + 1) or sleep(0.005) for n in range(200, 2000)]\n"
        "threading.Thread(target=go_on, daemon=True).start()",
        0,
    ),
    "logging shut down": ("import logging; logging.shutdown()", 0),
    "stderr closed": ("sys.stderr.close()", None),
}


def names(server):
    found = []
    for request in list(server.received):
        for item in read_envelope(request.body).items:
            if item.type == "transaction":
                found.append(item.json()["transaction"])
    return found


def dsn(port):
    return f"http://{KEY}@127.0.0.1:{port}/7"


def deliver_the_rest(server, spool):
    """What the next program does: it adopts what is left."""
    exporter = Sentry(dsn(server.port))
    exporter.connect(Options.read(spool_dir=spool))
    assert exporter.flush(LIMIT, orphans=True)
    exporter.close(LIMIT)
    assert not list(spool.glob("*/*/*.log"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("way", WAYS)
def test_whatever_the_end_all_that_was_recorded_arrives(way, tmp_path):
    text, code = WAYS[way]
    with Server() as server:
        done = run_program(f"record(0, 200)\n{text}", dsn(server.port), tmp_path, expect=code)
        deliver_the_rest(server, tmp_path)
        arrived = names(server)
    assert set(map(str, range(200))) <= set(arrived)
    if "record in" in way:
        assert "200" in arrived
    if way in ("return", "sys.exit", "a record in atexit"):
        assert len(arrived) == len(set(arrived))
    assert KEY not in done.stderr
    if code == 0 and "thread" not in way:
        assert done.stderr == ""


@pytest.mark.parametrize("fault", ["nobody listens", "never answers", "503", "black hole", "redirect", "403"])
def test_a_server_that_is_of_no_use_does_not_hold_the_end_and_loses_nothing(fault, tmp_path):
    with Server() as server, socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port = server.port
        if fault == "nobody listens":
            with socket.create_server(("127.0.0.1", 0)) as gone:
                port = gone.getsockname()[1]
        elif fault == "black hole":
            port = deaf.getsockname()[1]
        answers = {"never answers": never(server.ended), "503": status(503), "403": status(403)}
        answers["redirect"] = status(307, "Location: http://127.0.0.1:1/")
        server.answer = answers.get(fault, status(200))
        begin = time.monotonic()
        done = run_program("record(0, 100)\ntime.sleep(0.3)", dsn(port), tmp_path)
        assert time.monotonic() - begin < BOUND
        assert KEY not in done.stderr
        assert len(done.stderr.splitlines()) <= 1
        failed = len(server.received)
    kept = list(tmp_path.glob("*/*/transaction-*.log"))
    assert kept
    assert failed <= 8  # jitter may make a wait very short, but nobody hammers


def test_an_unreachable_server_is_one_line_on_stderr(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    done = run_program("record(0, 100)\nexporter.flush(0.7)", dsn(port), tmp_path)
    (line,) = done.stderr.splitlines()
    assert f"127.0.0.1:{port}" in line
    assert "refused" in line.lower()
    assert KEY not in line


def test_even_a_program_that_ends_at_once_says_that_nobody_listens(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert len(run_program("record(0, 1)", dsn(port), tmp_path).stderr.splitlines()) == 1


def test_a_slow_server_is_given_up_at_the_end_within_the_budget(tmp_path):
    with Server() as server:
        slow = status(200)

        def answer(request, connection):
            server.ended.wait(0.2)
            return slow

        server.answer = answer
        begin = time.monotonic()
        run_program("record(0, 200)\nassert not exporter.close(0.5)", dsn(server.port), tmp_path)
        assert time.monotonic() - begin < BOUND
        first = set(names(server))
        server.answer = slow
        deliver_the_rest(server, tmp_path)
        assert first | set(names(server)) == set(map(str, range(200)))


def test_what_a_killed_process_left_goes_out_with_the_next_ones_first_record(tmp_path):
    with Server() as server:
        server.answer = never(server.ended)
        run_program("record(0, 50)\nos._exit(0)", dsn(server.port), tmp_path)
        server.answer = status(200)
        text = f"""
            import pathlib
            record(50, 51)
            ends = time.monotonic() + 20
            while len(list(pathlib.Path({str(tmp_path)!r}).glob("*/[0-9]*"))) > 1 and time.monotonic() < ends:
                time.sleep(0.01)
        """
        run_program(text, dsn(server.port), tmp_path)
        assert set(names(server)) >= set(map(str, range(51)))
    assert not list(tmp_path.glob("*/*/*.log"))


def test_a_program_whose_spool_cannot_be_written_is_told_so_once_and_runs_unharmed(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with Server() as server:
        done = run_program("record(0, 20)\nassert exporter.flush(10)", dsn(server.port), blocked)
        assert set(names(server)) == set(map(str, range(20)))
    assert len(done.stderr.splitlines()) == 1


def test_what_would_end_with_the_program_is_worth_a_wait_for_a_slow_server(tmp_path):
    """Without a disk nothing outlives the process; with one it would be gone after half a second without progress."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with Server() as server:

        def slow(request, connection):
            server.ended.wait(0.8)
            return status(200)

        server.answer = slow
        assert run_program("record(0, 1)\nprint(exporter.close())", dsn(server.port), blocked).stdout == "True\n"
        assert names(server) == ["0"]


@pytest.mark.parametrize("fault", ["nobody listens", "503"])
def test_a_server_that_fails_does_not_hold_even_what_would_end_with_the_program(fault, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with Server(status(503)) as server:
        port = server.port
        if fault == "nobody listens":
            with socket.create_server(("127.0.0.1", 0)) as gone:
                port = gone.getsockname()[1]
        text = "record(0, 20)\nexporter.flush(0.5)\nprint(exporter.close(30))"
        begin = time.monotonic()
        assert run_program(text, dsn(port), blocked).stdout == "False\n"
        assert time.monotonic() - begin < BOUND
