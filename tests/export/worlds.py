"""Small worlds for tests of delivery: items, a codec to be read by eye, a clock moved by hand, programs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import attrs

from instrument import _ids
from instrument._books import Books
from instrument.export import Clock, Delivery, MemorySpool, Record
from instrument.recording import ErrorEvent, TransactionEvent, spans_of
from instrument.transport import Answer, MemoryTransport

ROOT = Path(__file__).parent.parent.parent
LIMIT = 30.0
BEGIN = time.time_ns()

OK = Answer("accepted", 200)
DOWN = Answer("unreachable", detail="ConnectionRefusedError: Connection refused")
BUSY = Answer("later", 503, detail="HTTP 503 Service Unavailable")
BAD = Answer("refused", 400, detail="HTTP 400 Bad Request")
LARGE = Answer("refused", 413, detail="HTTP 413 Content Too Large")
FORBIDDEN = Answer("later", 403, detail="HTTP 403 Forbidden")
MOVED = Answer("later", 307, {"location": "http://elsewhere.invalid/"}, detail="HTTP 307 Temporary Redirect")


def limited(**headers: str) -> Answer:
    """A 429 with these headers."""
    return Answer("later", 429, {name.replace("_", "-"): value for name, value in headers.items()})


def transaction(name: str = "t") -> TransactionEvent:
    """A finished transaction without children."""
    ids = {"event_id": _ids.event_id(), "trace_id": _ids.trace_id(), "span_id": _ids.span_id()}
    return TransactionEvent(name=name, time=BEGIN, end=BEGIN + 10**6, epoch=0, **ids)


def error(message: str = "e") -> ErrorEvent:
    """A message."""
    ids = {"event_id": _ids.event_id(), "trace_id": _ids.trace_id(), "span_id": _ids.span_id()}
    return ErrorEvent(message=message, time=BEGIN, **ids)


@attrs.define
class Lines:
    """A codec whose records are names and whose bodies are lines."""

    max_records: int = 1
    content_type: str = "text/plain"

    def records(self, item):
        name = item.name if isinstance(item, TransactionEvent) else item.message
        return [(spans_of(item), name.encode())]

    def join(self, records):
        return b"\n".join(records)


@attrs.define
class World:
    """A delivery without a thread: what it is given, where it goes, and the time."""

    max_records: int = 1
    now: float = 1000.0
    wall: int = BEGIN
    chance: float = 1.0
    books: Books = attrs.field(factory=Books)
    transport: MemoryTransport = attrs.field(factory=MemoryTransport)
    options: dict = attrs.field(factory=dict)
    spool: MemorySpool = attrs.field(init=False)
    delivery: Delivery = attrs.field(init=False)

    def __attrs_post_init__(self):
        self.spool = MemorySpool(books=self.books)
        clock = Clock(seconds=lambda: self.now, wall=lambda: self.wall, chance=lambda: self.chance)
        codec = Lines(max_records=self.max_records)
        self.delivery = Delivery(
            self.spool, codec, self.transport, self.books, destination="http://there", clock=clock, **self.options
        )

    def add(self, *names, kind="transaction", spans=3):
        for name in names:
            category = "transactions" if kind == "transaction" else "errors"
            self.books.count(category, "started")
            if kind == "transaction":
                self.books.count("spans", "started", spans)
            self.spool.append(Record(kind, spans if kind == "transaction" else 0, name.encode()))

    def answer(self, *answers):
        self.transport.answers.extend(answers)

    def pass_time(self, seconds):
        self.now += seconds
        self.wall += int(seconds * 1e9)

    def run(self, seconds=0.0):
        """Step until nothing is due for `seconds`, which pass by this clock alone."""
        ends = self.now + seconds
        for _ in range(100_000):
            wait = self.delivery.step()
            if not wait:
                continue
            if self.now + wait > ends:
                self.pass_time(ends - self.now)
                return
            self.pass_time(wait)
        raise AssertionError("the delivery is never at rest")

    @property
    def arrived(self):
        return [line.decode() for body in self.transport.bodies for line in body.split(b"\n")]

    @property
    def tried(self):
        return [body.decode().split("\n") for body in self.transport.tries]


PROGRAM = """
import atexit, faulthandler, os, signal, sys, threading, time
from time import sleep
from instrument.exporters import Sentry
from instrument.options import Options
from tests.export.worlds import error, transaction

faulthandler.dump_traceback_later(20, exit=True)
dsn, spool = sys.argv[1:3]
exporter = Sentry(dsn)
exporter.connect(Options.read(spool_dir=spool))
atexit.register(exporter.close)

def record(begin, end):
    for number in range(begin, end):
        exporter.export(transaction(str(number)))
"""


def run_program(text: str, *arguments: object, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run a program that begins with PROGRAM; fails when it does not end by itself."""
    code = PROGRAM + textwrap.dedent(text)
    command = [sys.executable, "-X", "faulthandler", "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert expect is None or done.returncode == expect, done
    return done
