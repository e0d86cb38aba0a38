"""The decision whether a transaction is recorded, made once, when it starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .. import _guard

__all__ = ["Decision", "decide", "decide_by_rate"]

Decision = tuple["bool | None", "float | None"]
"""Recorded or not (`None`: nobody decides, ids are only passed on), and the rate it was decided by, if it was here."""


def decide(
    options: Any,
    *,
    explicit: bool | None,
    parent: bool | None,
    random: Callable[[], float],
    context: Callable[[], Mapping[str, Any]],
) -> Decision:
    """`explicit`, then the sampler's answer for `context()`, then the parent's decision, then the static rate.

    `random` draws the trace's number in [0, 1), and is asked only when a rate leaves it open.
    """
    if explicit is not None:
        is_wanted = _guard.foreign("sampled", True, bool, explicit)
        return is_wanted, float(is_wanted)
    if options.traces_sampler is not None:
        rate = _guard.foreign("traces_sampler", None, _ask, options.traces_sampler, context)
        if rate is not None:
            return _by_rate(rate, random)
    return decide_by_rate(options, parent, random)


def decide_by_rate(options: Any, parent: bool | None, random: Callable[[], float]) -> Decision:
    """The parent's decision, then the static rate."""
    rate = options.traces_sample_rate
    if parent is not None or rate is None:
        return parent, None
    return _by_rate(rate, random)


def _ask(sampler: Callable[[Mapping[str, Any]], Any], context: Callable[[], Mapping[str, Any]]) -> float:
    answer = sampler(context())
    rate = float(answer)
    if math.isnan(rate) or not 0.0 <= rate <= 1.0:
        _guard.say("traces_sampler", f"traces_sampler answered {rate}, which is no rate between 0 and 1: not recorded")
        return 0.0
    return rate


def _by_rate(rate: float, random: Callable[[], float]) -> Decision:
    if rate >= 1.0:
        return True, 1.0
    if rate <= 0.0:
        return False, 0.0
    return random() < rate, float(rate)
