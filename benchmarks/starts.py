"""What a library costs a program that has only just begun: its import, and its import with its set-up.

Each time a new process, as there is no importing twice; the first one compiles, and the best one counts. Inside it the
clock is read before and after, so that neither the interpreter's own start nor the environment's start-up files count.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

__all__ = ["PROGRAMS", "start"]

PROGRAMS = {
    "instrument": ("import instrument", "instrument.init()"),
    "sentry-sdk": (
        "import sentry_sdk",
        "sentry_sdk.init('http://0123456789abcdef@127.0.0.1:9/1', traces_sample_rate=1.0)",
    ),
}

_PROGRAM = """
from time import perf_counter_ns as ticks
begin = ticks()
{}
imported = ticks()
modules = []
import sys
modules = list(sys.modules)
resumed = ticks()
{}
ready = ticks()
import json, threading
print(json.dumps([imported - begin, imported - begin + ready - resumed, threading.active_count() - 1, modules]))
"""

_TOO_DEAR = ("asyncio", "attr", "http.client", "requests", "socket", "sqlite3", "ssl", "wrapt")


def start(python: str, subject: str) -> dict[str, float]:
    """One start of `subject`: nanoseconds, the threads it started, and how many of the modules it brought are dear."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XDG_STATE_HOME": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else the library in the tree is compiled each time
        command = [python, "-c", _PROGRAM.format(*PROGRAMS[subject])]
        root = Path(__file__).parent.parent
        said = subprocess.run(
            command, cwd=root, env=environment, check=True, capture_output=True, text=True, timeout=60
        )
    imported, ready, threads, modules = json.loads(said.stdout)
    dear = len(set(modules) & set(_TOO_DEAR))
    return {"import": imported, "import and init": ready, "threads": threads, "dear modules": dear}
