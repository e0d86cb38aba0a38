"""The `sentry-trace` header: trace id, span id and, when somebody decided, a flag."""

from __future__ import annotations

import re

__all__ = ["around_span_id", "read_sentry_trace"]

LONGEST = 512
"""Characters of the header that are looked at: room for a few values that a proxy joined."""

_VALUE = re.compile(r"([0-9a-fA-F]{32})-([0-9a-fA-F]{16})(?:-([01]?))?")
_ZEROS = "0" * 32
_FLAGS = {"1": True, "0": False}


def read_sentry_trace(text: str) -> tuple[str, str, bool | None] | None:
    """Trace id, span id and decision of the first valid value in a header, or `None`.

    Both ids must be whole and not zero. Upper-case ids are taken, in lower case.
    """
    for part in text[:LONGEST].split(",") if "," in text else (text,):
        match = _VALUE.fullmatch(part) or _VALUE.fullmatch(part[:LONGEST].strip(" \t"))
        if match is None:
            continue
        trace_id, span_id, flag = match.groups()
        if trace_id != _ZEROS and span_id != _ZEROS[:16]:
            return trace_id.lower(), span_id.lower(), _FLAGS.get(flag)
    return None


def around_span_id(trace_id: str, sampled: bool | None) -> tuple[str, str]:
    """What the header's value has before and after the span's id. Without a decision, no flag: `None` is not "no"."""
    return f"{trace_id}-", "" if sampled is None else "-1" if sampled else "-0"
