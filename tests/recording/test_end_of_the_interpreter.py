"""What still holds spans when the interpreter takes its modules down: nothing is said on stderr, whatever it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.sink import LIMIT

ROOT = Path(__file__).parent.parent.parent

PROGRAM = """
import http.client, socket, time
import instrument
from instrument.exporters import Memory

instrument.init(exporter=Memory())
begun = instrument.start_transaction("a", "b")

def waiting():
    parent = begun.start_child("parent")
    child = parent.start_child("child")
    begun.finish()
    child.finish()
    return parent

def suspended():
    def generate():
        with instrument.span("held"):
            yield
    instrument.get_current_scope().set_span(begun)
    generator = generate()
    next(generator)
    return generator

def unanswered():
    instrument.get_current_scope().set_span(begun)
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = http.client.HTTPConnection(*server.getsockname())
        connection.request("GET", "/")
    return connection

time.kept = {kind}()  # a module in C is taken down after those in Python
"""


@pytest.mark.parametrize("kind", ["waiting", "suspended", "unanswered"])
def test_what_outlives_our_modules_goes_in_silence(kind):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{kind}", kind)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
