"""Event payloads as a client would send them, and small stores to put them in."""

import json
import random

from instrument.store import Writer
from instrument.store.reading import Reader

WHEN = 1767323045.125
"""2026-01-02 03:04:05 UTC and an eighth."""

LARGE = 1 << 40


class Ids:
    """Hex text that is the same in every run."""

    def __init__(self, seed=1):
        self._random = random.Random(seed)

    def __call__(self, length):
        return f"{self._random.getrandbits(4 * length):0{length}x}"


class Transaction:
    """A transaction that began `start` seconds after WHEN."""

    def __init__(
        self, ids, op, name, start, duration, *, trace=None, parent=None, status="ok", service="worker", pid=11
    ):
        self.ids = ids
        self.span_id = ids(16)
        self.trace_id = trace or ids(32)
        place = {
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "parent_span_id": parent,
            "op": op,
            "status": status,
        }
        self.event = {
            "type": "transaction",
            "event_id": ids(32),
            "transaction": name,
            "start_timestamp": WHEN + start,
            "timestamp": WHEN + start + duration,
            "contexts": {"trace": place, "process": {"service": service, "pid": pid}},
            "spans": [],
            "tags": {"shard": "3"},
            "server_name": "web-1",
        }

    def span(self, op, name, start, duration, *, parent=None, status="ok", data=None):
        """Adds a child; returns its id."""
        span = {
            "trace_id": self.trace_id,
            "span_id": self.ids(16),
            "parent_span_id": parent or self.span_id,
            "op": op,
            "description": name,
            "start_timestamp": WHEN + start,
            "timestamp": WHEN + start + duration,
            "status": status,
            "data": data or {},
        }
        self.event["spans"].append(span)
        return span["span_id"]

    @property
    def payload(self):
        return json.dumps(self.event, separators=(",", ":")).encode()


def simple(ids, start=0.0, *, spans=1, name="nightly"):
    """A finished transaction of some equal spans."""
    transaction = Transaction(ids, "job", name, start, 1.0)
    for number in range(spans):
        transaction.span("db", f"SELECT {number}", start + 0.1, 0.2)
    return transaction


def error(ids, title, value, at, *, trace=None, span=None, frames=(("app.py", 12, True),), level="error"):
    """An error event with one exception."""
    stack = [{"filename": file, "lineno": line, "in_app": in_app} for file, line, in_app in frames]
    event = {
        "event_id": ids(32),
        "timestamp": WHEN + at,
        "level": level,
        "contexts": {"trace": {"trace_id": trace or ids(32), "span_id": span or ids(16)}},
        "exception": {"values": [{"type": title, "value": value, "stacktrace": {"frames": stack}}]},
    }
    return json.dumps(event).encode()


def writer(path, **settings):
    """A writer whose bounds are far away, unless told otherwise."""
    return Writer(path, **{"max_bytes": LARGE, "max_age": LARGE, "patience": 30.0, **settings})


def filled(path, *payloads):
    """Writes the payloads; returns the path."""
    store = writer(path)
    store.write(payloads)
    store.close()
    return path


def every(path):
    """All summaries, oldest first."""
    with Reader(path) as reader:
        return reader.find(limit=1_000_000)[::-1]
