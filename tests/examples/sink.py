"""A program run against a server that takes envelopes, and what arrived there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs

from instrument.wire import read_envelope
from tests.relay_check import assert_relay_accepts
from tests.transport.servers import Server

ROOT = Path(__file__).parent.parent.parent
LIMIT = 60.0


@attrs.frozen
class Arrived:
    """What the server was sent, as a server keeps it."""

    transactions: list
    errors: list
    output: str

    def transaction(self, name):
        """The one transaction of this name."""
        [found] = [one for one in self.transactions if one["transaction"] == name]
        return found


def environment(**variables):
    """The environment of a program that knows the package, however the tests were started, and has time to deliver."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": paths, "INSTRUMENT_SHUTDOWN_TIMEOUT": "30", **variables}


def run(*command, **variables):
    """Run a program with the server as its Sentry; what arrived. Fails unless the program ends well and silently."""
    with Server() as server:
        dsn = f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{server.port}/7"
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            env=environment(SENTRY_DSN=dsn, **variables),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return arrived([request.body for request in server.received], done.stdout)


def arrived(bodies, output):
    """Read envelopes as strictly as a server does; every payload must pass Relay's own normaliser."""
    transactions, errors = [], []
    for body in bodies:
        for item in read_envelope(body).items:
            payload = item.json()
            assert_relay_accepts(payload)
            {"transaction": transactions, "event": errors}[item.type].append(payload)
    return Arrived(transactions, errors, output)
