"""Starts the indexing service as a process of its own, and sees to it that it ends on every path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import attrs

__all__ = ["IndexingService", "ServiceFailed", "indexing_service"]

PROGRAM: Final = Path(__file__).with_name("service.py")
PATIENCE: Final = 10.0
"""Seconds after which a service that should have ended is killed."""


class ServiceFailed(RuntimeError):
    """The service did not start, or did not end as it should."""


@attrs.frozen
class IndexingService:
    """A running service, at this port of this machine."""

    port: int
    _process: subprocess.Popen[str]

    def finish(self) -> dict[str, Any]:
        """End the service. It says how many "words" it knows, and as "stats" what it has recorded."""
        try:
            # This closes its standard input, too, and then it ends.
            last_words, _ = self._process.communicate(timeout=PATIENCE)
            told: dict[str, Any] = json.loads(last_words)
        except (subprocess.TimeoutExpired, ValueError):
            raise ServiceFailed("the indexing service did not say what it recorded") from None
        return told


@contextmanager
def indexing_service() -> Iterator[IndexingService]:
    """A service that runs for the block."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM)],
        # It imports from where this process does, installed or not.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield IndexingService(_port(process), process)
    finally:
        _end(process)


def _port(process: subprocess.Popen[str]) -> int:
    line = process.stdout.readline() if process.stdout else ""
    if not line.strip().isdecimal():
        raise ServiceFailed("the indexing service did not start")
    return int(line)


def _end(process: subprocess.Popen[str]) -> None:
    """Let the service end in good order, or else kill it. Nothing happens when it has ended."""
    with process:  # Its pipes are closed afterwards.
        if process.stdin:
            process.stdin.close()
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
        finally:
            process.kill()
