"""What a caller told us about the trace it is in."""

from __future__ import annotations

from collections.abc import Mapping

from .._value import Value
from .numbers import fraction

__all__ = ["TraceContext"]


class TraceContext(Value):
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

    # Written out, as every request has one.
    def __init__(
        self,
        trace_id: str,
        parent_span_id: str | None = None,
        sampled: bool | None = None,
        sample_rand: str | None = None,
        dynamic_sampling_context: Mapping[str, str] | None = None,
        tracestate: str | None = None,
    ) -> None:
        state = self.__dict__
        state["trace_id"] = trace_id
        state["parent_span_id"] = parent_span_id
        state["sampled"] = sampled
        state["sample_rand"] = sample_rand
        state["dynamic_sampling_context"] = dynamic_sampling_context
        state["tracestate"] = tracestate

    @property
    def parent_sample_rate(self) -> float | None:
        """The rate in [0, 1] that the head of the trace sampled with, when it said so."""
        return fraction((self.dynamic_sampling_context or {}).get("sample_rate"))
