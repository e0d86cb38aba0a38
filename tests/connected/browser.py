"""A headless Chromium, told by its DevTools protocol over HTTP which pages to open."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.transport.servers import until

NODE_MODULES = Path(__file__).parent / "node_modules"
UNPACKED = NODE_MODULES / ".chromium"
LIMIT = 30.0
LISTENING = re.compile(r"DevTools listening on ws://127\.0\.0\.1:(\d+)/")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--enable-logging=stderr",
    "--remote-debugging-port=0",
)


def chromium() -> Path | None:
    """The browser that the variable CHROMIUM names, or that which scripts/test has unpacked; `None` without either."""
    path = Path(os.environ.get("CHROMIUM") or UNPACKED / "chromium")
    return path if path.exists() else None


class Browser:
    """One browser; `open` gives a page a tab of its own. What its pages log is in `log`."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._log = folder / "chromium.log"

    def __enter__(self) -> Browser:
        own = {"HOME": str(self._folder)}
        if UNPACKED in self._program.parents:
            own |= {"FONTCONFIG_PATH": str(UNPACKED), "LD_LIBRARY_PATH": str(UNPACKED / "lib")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, *FLAGS, f"--user-data-dir={self._folder / 'profile'}", "about:blank"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, **own},
            )
        try:
            assert until(lambda: LISTENING.search(self.log) or self._process.poll() is not None, LIMIT)
            [self._port] = LISTENING.findall(self.log) or pytest.fail(f"the browser did not start: {self.log}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(LIMIT)

    @property
    def log(self) -> str:
        """What the browser said, and what pages said to their consoles."""
        return self._log.read_text("utf-8", "replace")

    @contextmanager
    def open(self, url: str) -> Iterator[None]:
        """Have a page open until the block ends."""
        tab = json.loads(self._ask("PUT", f"/json/new?{quote(url, safe='')}"))["id"]
        try:
            yield
        finally:
            self._ask("GET", f"/json/close/{tab}")

    def _ask(self, method: str, path: str) -> bytes:
        connection = HTTPConnection("127.0.0.1", int(self._port), timeout=LIMIT)
        try:
            connection.request(method, path)
            return connection.getresponse().read()
        finally:
            connection.close()
