"""Programs that die, or wait to be killed, with records that nobody took."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.examples.sink import LIMIT, environment

KEY = "0123456789abcdef0123456789abcdef"

PROGRAM = """
import os, signal, sys
import instrument
instrument.init(shutdown_timeout=0)
for number in range(int(sys.argv[1])):
    with instrument.transaction(op="test", name=f"{os.getpid()}-{number}"):
        pass
instrument.capture_message("the end is near")
if sys.argv[2] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
print("ready", flush=True)
sys.stdin.read()
"""


def dsn(port: int, project: int = 7) -> str:
    """The DSN of a server on this machine."""
    return f"http://{KEY}@127.0.0.1:{port}/{project}"


def leave(count: int, **variables: str) -> None:
    """Record `count` transactions and an error in a process that is killed before it can send any of them."""
    command = [sys.executable, "-c", PROGRAM, str(count), "die"]
    # A request that is on its way when the process dies would come in when nobody expects it.
    nowhere = environment(INSTRUMENT_HTTP_PROXY="http://127.0.0.1:1", **variables)
    done = subprocess.run(command, env=nowhere, timeout=LIMIT, check=False, capture_output=True)
    assert done.returncode == -9, done


@contextmanager
def living(count: int, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has recorded as much and lives on for the block."""
    command = [sys.executable, "-c", PROGRAM, str(count), "live"]
    with subprocess.Popen(
        command, env=environment(**variables), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
