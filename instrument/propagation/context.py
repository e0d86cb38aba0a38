"""What a caller told us about the trace it is in."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from .numbers import fraction

__all__ = ["TraceContext"]


@attrs.frozen
class TraceContext:
    """A trace that another service, process or page began, as its headers told it. All of it has been checked."""

    trace_id: str
    """32 lower-case hex characters."""
    parent_span_id: str | None = None
    """16 lower-case hex characters."""
    sampled: bool | None = None
    """The caller's decision; `None`: it left it to us."""
    sample_rand: str | None = None
    """The random number of the trace, six decimals in [0, 1)."""
    dynamic_sampling_context: Mapping[str, str] | None = None
    """Frozen by the head of the trace. Empty: the head sent none, and nobody may invent one."""
    tracestate: str | None = None
    """W3C's list of other vendors' positions, to be passed on as it is."""

    @property
    def parent_sample_rate(self) -> float | None:
        """The rate in [0, 1] that the head of the trace sampled with, when it said so."""
        return fraction((self.dynamic_sampling_context or {}).get("sample_rate"))
