"""W3C Trace Context: `traceparent` and `tracestate` (https://www.w3.org/TR/trace-context-2/)."""

from __future__ import annotations

import re

__all__ = ["around_parent_id", "read_traceparent", "read_tracestate"]

PARENT_LENGTH = 55
STATE_LENGTH = 512
STATE_MEMBERS = 32

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_KEY = re.compile(r"[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}")
_STATE_VALUE = re.compile(r"[ -+\--<>-~]{1,256}")


def read_traceparent(text: str) -> tuple[str, str, bool] | None:
    """Trace id, span id and decision, or `None`. Of a later version only the fields known today are read."""
    if len(text) > STATE_LENGTH:
        return None
    text = text.strip(" \t")
    if len(text) > PARENT_LENGTH and (text.startswith("00") or text[PARENT_LENGTH] != "-"):
        return None
    match = _PARENT.fullmatch(text[:PARENT_LENGTH])
    if match is None:
        return None
    version, trace_id, span_id, flags = match.groups()
    if version == "ff" or trace_id == "0" * 32 or span_id == "0" * 16:
        return None
    return trace_id, span_id, bool(int(flags, 16) & 1)


def read_tracestate(text: str) -> str | None:
    """The list as it will be passed on, or `None` when a member is malformed, doubled or one too many.

    Of a longer list the members within the first 512 characters are kept.
    """
    if len(text) > STATE_LENGTH:
        text = text[: STATE_LENGTH + 1].rpartition(",")[0]
    members = [member for part in text.split(",") if (member := part.strip(" \t"))]
    keys = set()
    for member in members:
        key, _, value = member.partition("=")
        if _KEY.fullmatch(key) is None or _STATE_VALUE.fullmatch(value) is None:
            return None
        keys.add(key)
    if len(members) > STATE_MEMBERS or len(keys) < len(members):
        return None
    return ",".join(members) or None


def around_parent_id(trace_id: str, sampled: bool | None) -> tuple[str, str]:
    """What the value of `traceparent` has before and after the span's id.

    W3C knows no "undecided": it is written as not sampled.
    """
    return f"00-{trace_id}-", "-01" if sampled else "-00"
