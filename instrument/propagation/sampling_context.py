"""The dynamic sampling context: what the head of a trace tells every service after it, and the server."""

from __future__ import annotations

import math
from functools import lru_cache
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
    # The leading 1 keeps the zeros after it, for less than what a format costs.
    return "0." + str(1_000_000 + low + (crc32(trace_id.encode()) * (high - low) >> 32))[1:]


@lru_cache(maxsize=64)
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
    """The context that a head of trace freezes when it first uses it. What is not known is left out, and
    so is an empty environment.

    `transaction` is the name, to be given only when its source is not "url". Every value is text, the rate too: a
    server throws the whole context away for a number that is not.
    """
    context = {"trace_id": trace_id}
    if sample_rand is not None:
        context["sample_rand"] = sample_rand
    if environment:
        context["environment"] = environment
    if release is not None:
        context["release"] = release
    if public_key is not None:
        context["public_key"] = public_key
    if org_id is not None:
        context["org_id"] = org_id
    if transaction is not None:
        context["transaction"] = transaction
    if sample_rate is not None:
        context["sample_rate"] = "1.0" if sample_rate == 1.0 else repr(float(sample_rate))
    if sampled is not None:
        context["sampled"] = "true" if sampled else "false"
    return context
