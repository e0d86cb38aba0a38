"""The indexing service: is posted the words of one file after another and keeps them in SQLite.

A program of its own. It prints the port it listens at, works until its standard input ends, and prints what it has
recorded.
"""

from __future__ import annotations

import http
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import instrument
from instrument import capture_exception, span, transaction
from instrument._value import as_dict

__all__ = ["main"]

PATIENCE: Final = 5.0
"""Seconds to wait for a request that has begun, and at the end for the delivery of what was recorded."""

SCHEMA: Final = "CREATE TABLE words (word TEXT, file TEXT, count INTEGER, PRIMARY KEY (word, file)) WITHOUT ROWID"


class Index:
    """Which word occurs how often in which file."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute(SCHEMA)
        self._writing = threading.Lock()

    def add(self, file: str, words: Mapping[str, int]) -> None:
        """Keep the words of a file, in place of those known before."""
        rows = [(word, file, count) for word, count in words.items()]
        # Requests come at the same time and SQLite takes one writer: the wait is a span too, or it would be a riddle.
        with span("lock", "wait for the writer"):
            self._writing.acquire()
        try:
            with span("store", data={"rows": len(rows)}), self._database:
                self._database.execute("DELETE FROM words WHERE file = ?", (file,))
                self._database.executemany("INSERT INTO words VALUES (?, ?, ?)", rows)
        finally:
            self._writing.release()

    def size(self) -> int:
        """How many different words there are."""
        [size] = self._database.execute("SELECT count(DISTINCT word) FROM words").fetchone()
        return int(size)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


class Server(ThreadingHTTPServer):
    """Listens at a port that the system chooses, for this machine only."""

    # At the end every request is waited for: its transaction ends a moment after its answer.
    daemon_threads = False

    def __init__(self, index: Index) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.index = index


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: Server
    timeout = PATIENCE

    def do_POST(self) -> None:
        """Take the words of a file."""
        # The headers say in which trace, and beneath which span, this request is. The transaction continues it.
        with transaction(op="http.server", name="POST /words", source="route", headers=self.headers) as request:
            status = self.take_words()
            request.set_http_status(status)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def take_words(self) -> http.HTTPStatus:
        """Read the request and keep what it brings."""
        try:
            with span("parse"):
                posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.index.add(posted["file"], posted["words"])
        except (KeyError, TypeError, ValueError, sqlite3.Error) as error:
            capture_exception(error)
            return http.HTTPStatus.INTERNAL_SERVER_ERROR
        return http.HTTPStatus.CREATED

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the indexer."""


def main() -> None:
    """Serve until standard input ends, which it does also when the indexer is killed."""
    # Ctrl-C reaches both processes. The indexer ends, and so this one does in good order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    instrument.init(service_name="service")
    with TemporaryDirectory(prefix="instrument-demo-") as folder:
        index = Index(Path(folder, "words.db"))
        with Server(index) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            tell(str(server.server_port))
            sys.stdin.read()
            server.shutdown()
        size = index.size()
        index.close()
    instrument.close(PATIENCE)
    tell(json.dumps({"words": size, "stats": as_dict(instrument.stats())}))


def tell(line: str) -> None:
    """Say something to the indexer."""
    with suppress(BrokenPipeError):  # It may have been killed. Then nobody wants to know.
        os.write(sys.stdout.fileno(), f"{line}\n".encode())


if __name__ == "__main__":
    main()
