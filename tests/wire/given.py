"""Items as exporters get them, made by hand."""

import time

from instrument._ids import event_id, span_id, trace_id
from instrument.recording import ErrorEvent, TransactionEvent

NOW = time.time_ns() - 2_000_000_000


class GivenSpan:
    """A finished span."""

    def __init__(self, **fields):
        known = {"op": "db", "description": "SELECT 1", "status": None, "parent_span_id": "b" * 16}
        times = {"start_ticks": 1_000, "end_ticks": 501_000}
        for name, value in {**known, **times, "data": None, "tags": None, "measurements": None, **fields}.items():
            setattr(self, name, value)
        self.span_id = self._id = fields.get("span_id", span_id())
        self._parent = self.parent_span_id
        self.trace_id = "a" * 32


def transaction(*spans, **fields):
    known = {"event_id": event_id(), "trace_id": "a" * 32, "span_id": "b" * 16, "name": "/items/{id}", "time": NOW}
    return TransactionEvent(**{**known, "end": NOW + 10**9, "epoch": NOW, "spans": list(spans), **fields})


def error(**fields):
    known = {"event_id": event_id(), "trace_id": trace_id(), "span_id": span_id(), "time": NOW}
    return ErrorEvent(**{**known, **fields})
