"""The `baggage` header, of which only the members that start with `sentry-` are ours.

Format and limits: https://www.w3.org/TR/baggage/. A header that goes beyond them has none of our members for us: some
of them would be a sampling context that no server takes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

__all__ = ["merge_baggage", "read_baggage", "write_baggage"]

LONGEST = 8192
MEMBERS = 180
LONGEST_MEMBER = 4096
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
    """Our members, without their prefix and decoded; of a key that comes twice the last one counts."""
    if PREFIX not in text or len(text) > LONGEST:
        return {}
    members = text.split(",", MEMBERS)
    if len(members) > MEMBERS:
        return {}
    found = {}
    is_plain = text.isascii() and not ("%" in text or ";" in text or " " in text or "\t" in text)
    for member in members:
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
    """The header's value for our `members`, percent-encoded; what does not fit into the limits is left out."""
    written = []
    for key, value in members:
        if _HARMLESS.fullmatch(value) is None:
            value = quote(value[:LONGEST], safe="/", errors="replace")
        if _KEY.fullmatch(key):
            written.append(f"{PREFIX}{key}={value}")
    header = ",".join(written)
    return header if len(header) <= LONGEST_MEMBER and len(written) <= MEMBERS else _within_limits(written)


def _within_limits(members: list[str]) -> str:
    kept: list[str] = []
    room = LONGEST
    for member in members:
        if len(member) <= min(LONGEST_MEMBER, room) and len(kept) < MEMBERS:
            kept.append(member)
            room -= len(member) + 1
    return ",".join(kept)


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
