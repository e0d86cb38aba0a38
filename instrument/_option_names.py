"""What to say of an option that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["unknown_option"]

ELSEWHERE: Final = {
    "auto_enabling_integrations": "default_integrations",
    "deployment_environment": "environment",
    "disabled_integrations": "default_integrations",
    "enable_tracing": "traces_sample_rate",
    "endpoint": "exporter",
    "env": "environment",
    "request_bodies": "max_request_body_size",
    "sampler": "traces_sampler",
    "sampling_rate": "traces_sample_rate",
    "service_version": "release",
    "tracing_origins": "trace_propagation_targets",
    "transport": "exporter",
    "version": "release",
    "with_locals": "include_local_variables",
}
"""Names that other libraries have for what is an option here."""


def unknown_option(name: str, known: Iterable[str]) -> str:
    """The message, with the nearest name; where none is near, with all."""
    import difflib

    names = list(known)
    low = name.lower()
    near = [ELSEWHERE[low]] if low in ELSEWHERE else difflib.get_close_matches(low, names, n=1, cutoff=0.5)
    return f"init has no option {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names)}")
