"""Identifiers of traces, spans and events, as the wire wants them: lower-case hex text.

They come from the operating system, so a forked child needs no new seed and a program's own `random` is untouched.
"""

from os import urandom

__all__ = ["event_and_span_ids", "event_id", "span_id", "span_ids", "trace_id"]


def trace_id() -> str:
    """A new trace id: 32 hex characters."""
    return urandom(16).hex()


event_id = trace_id


def span_id() -> str:
    """A new span id: 16 hex characters."""
    return urandom(8).hex()


def span_ids(count: int) -> list[str]:
    """`count` new span ids, drawn in one go: a sixth of the price of as many single draws."""
    return urandom(8 * count).hex(" ", 8).split()


def event_and_span_ids(count: int) -> tuple[str, list[str]]:
    """A new event id and `count` new span ids, drawn in one go."""
    high, low, *others = urandom(16 + 8 * count).hex(" ", 8).split()
    return high + low, others
