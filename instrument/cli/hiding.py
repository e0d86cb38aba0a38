"""Keys and passwords never stand in the output of a command, whoever put them into a text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

from ..options import Options, otlp_environment

__all__ = ["hide", "secrets"]

SHORTEST_SECRET: Final = 6
CREDENTIALS: Final = re.compile(r"://[^/@\s]{1,400}@")


def secrets(dsn: str | None, options: Options | None = None) -> list[str]:
    """What must not be shown: keys of DSNs, passwords of proxies, headers for an OTLP receiver."""
    texts = [dsn or "", *(text for name, text in os.environ.items() if name.upper().endswith(("_DSN", "_PROXY")))]
    found: list[str] = []
    for text in texts:
        before, at, _ = text.partition("://")[2].rpartition("@")
        found += before.split(":") if at else ()
    if options is not None:
        known = options.dsn
        found += [] if known is None else [known.public_key, known.secret or ""]
        found += otlp_environment().headers.values()
    return [text for text in found if len(text) >= SHORTEST_SECRET]


def hide(text: str, known: Iterable[str]) -> str:
    """`text` on one line, with *** for what is secret, and without anything that a terminal would obey."""
    text = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    text = CREDENTIALS.sub("://***@", text)
    for secret in known:
        text = text.replace(secret, "***")
    return text
