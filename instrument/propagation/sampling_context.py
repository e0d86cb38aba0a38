"""The dynamic sampling context: what the head of a trace tells every service after it, and the server."""

from __future__ import annotations

import math
from zlib import crc32

__all__ = ["sample_rand", "sampling_context"]


def sample_rand(trace_id: str, sampled: bool | None = None, rate: float | None = None) -> str | None:
    """The random number of a trace: six decimals in [0, 1), the same for the same trace id everywhere.

    With a decision and the rate it was made with, the number agrees with them: it is below the rate exactly when
    `sampled` is true. `None` when no such number exists. A trace is sampled when its number is below the rate.
    """
    low, high = 0, 1_000_000
    if sampled is not None and rate is not None:
        edge = _first_at_or_above(rate)
        low, high = (0, edge) if sampled else (edge, high)
        if low >= high:
            return None
    return f"0.{low + (crc32(trace_id.encode()) * (high - low) >> 32):06d}"


def _first_at_or_above(rate: float) -> int:
    """The fewest millionths that are not below `rate`, as floats compare."""
    edge = math.ceil(rate * 1_000_000)
    while edge > 0 and (edge - 1) / 1_000_000 >= rate:
        edge -= 1
    while edge / 1_000_000 < rate:
        edge += 1
    return edge


def sampling_context(
    *,
    trace_id: str,
    public_key: str | None = None,
    sample_rate: float | None = None,
    sample_rand: str | None = None,
    sampled: bool | None = None,
    release: str | None = None,
    environment: str | None = None,
    transaction: str | None = None,
    org_id: str | None = None,
) -> dict[str, str]:
    """The context that a head of trace freezes when it first uses it. What is not known is left out.

    `transaction` is the name, to be given only when its source is not "url". Every value is text, the rate too: a
    server throws the whole context away for a number that is not.
    """
    rate = None if sample_rate is None else repr(float(sample_rate))
    decision = None if sampled is None else "true" if sampled else "false"
    context = {
        "trace_id": trace_id,
        "sample_rand": sample_rand,
        "environment": environment,
        "release": release,
        "public_key": public_key,
        "org_id": org_id,
        "transaction": transaction,
        "sample_rate": rate,
        "sampled": decision,
    }
    return {key: value for key, value in context.items() if value is not None}
