"""The `baggage` header, of which only the members that start with `sentry-` are ours.

Format and limits: https://www.w3.org/TR/baggage/ (8192 bytes); of what comes in, at most 64 members are looked at.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

__all__ = ["merge_baggage", "read_baggage", "write_baggage"]

LONGEST = 8192
MEMBERS = 64
PREFIX = "sentry-"

_USUAL = {
    "sentry-trace_id": "trace_id",
    "sentry-public_key": "public_key",
    "sentry-sample_rate": "sample_rate",
    "sentry-sample_rand": "sample_rand",
    "sentry-sampled": "sampled",
    "sentry-release": "release",
    "sentry-environment": "environment",
    "sentry-transaction": "transaction",
    "sentry-org_id": "org_id",
}
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_HARMLESS = re.compile(r"[A-Za-z0-9_.~/-]*")


def read_baggage(text: str) -> dict[str, str]:
    """Our members, without their prefix and decoded; of a key that comes twice the last one counts.

    A member that the limit cuts in two is left out.
    """
    if PREFIX not in text:
        return {}
    if len(text) > LONGEST:
        text = text[: LONGEST + 1].rpartition(",")[0]
    found = {}
    is_plain = text.isascii() and not ("%" in text or ";" in text or " " in text or "\t" in text)
    for member in text.split(",", MEMBERS)[:MEMBERS]:
        key, separator, value = member.partition("=")
        name = _USUAL.get(key) or _name(key)
        if is_plain and separator and name:
            found[name] = value
        elif name and separator:
            value = value.partition(";")[0].strip(" \t")
            found[name] = _decoded(value) if "%" in value or not value.isascii() else value
    return found


def _name(key: str) -> str | None:
    """What follows our prefix, or `None` for a key that is not ours or has characters that no key may have."""
    key = key.strip(" \t")
    return key[len(PREFIX) :] if key.startswith(PREFIX) and _KEY.fullmatch(key, len(PREFIX)) else None


def _decoded(value: str) -> str:
    """Percent signs undone; bytes that somebody sent as they are count as UTF-8, as the encoded ones do.

    A value with more percent signs than it has room for escapes is left as it is: it would only cost time.
    """
    raw = value.encode("latin-1", "replace")
    if raw.count(b"%") * 3 <= len(raw):
        raw = unquote_to_bytes(raw)
    return raw.decode("utf-8", "replace")


@lru_cache(maxsize=64)
def write_baggage(members: tuple[tuple[str, str], ...]) -> str:
    """The header's value for our `members`, percent-encoded; what does not fit into 8192 bytes is left out."""
    written = []
    room = LONGEST
    for key, value in members:
        if _HARMLESS.fullmatch(value) is None:
            value = quote(value[:LONGEST], safe="/", errors="replace")
        member = f"{PREFIX}{key}={value}"
        if len(member) < room and _KEY.fullmatch(key):
            written.append(member)
            room -= len(member) + 1
    return ",".join(written)


def merge_baggage(existing: str | None, ours: str | None) -> str:
    """One header's value out of the caller's own and ours: other vendors' members stay, our old ones go.

    When the two together are longer than 8192 bytes the caller's go out alone.
    """
    if not existing:
        return ours or ""
    kept = ",".join(member for member in existing.split(",") if not member.lstrip(" \t").startswith(PREFIX))
    if not ours or len(kept) + len(ours) >= LONGEST:
        return kept
    return f"{kept},{ours}" if kept.strip(" \t,") else ours
