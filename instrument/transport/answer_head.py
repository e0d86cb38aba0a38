"""The head of an HTTP answer, when it is as plain as nearly all of them are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["END", "AnswerHead", "merged", "parse"]

END: Final = re.compile(rb"\n\r?\n")
"""Where any head ends, also one with lines that are not ended as they should be."""
HEADERS_AT_MOST: Final = 99
PLAIN: Final = re.compile(
    rb"HTTP/1\.1 [2-9][0-9]{2}(?: [\t -~]*)?\r\n(?:[!#-'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)*\r\n",
)
LENGTH: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
NO_CONTENT: Final = (204, 304)


class AnswerHead(NamedTuple):
    """What a plain head says. `length` is that of the body, in bytes."""

    status: int
    headers: dict[str, str]
    length: int


def parse(head: bytes | bytearray) -> AnswerHead | None:
    """Read a head, with the empty line that ends it. None for one that leaves room for doubt.

    Then http.client has to say what it means: a body without a length or in chunks, an interim answer, another version,
    a connection that ends, lines that are not ASCII, folded, or ended with a bare line feed.
    """
    if not PLAIN.fullmatch(head):
        return None
    first, *lines = head[:-4].decode("ascii").split("\r\n")
    if len(lines) > HEADERS_AT_MOST:
        return None
    headers = merged(line.partition(":")[::2] for line in lines)
    status = int(first[9:12])
    length = headers.get("content-length", "0" if status in NO_CONTENT else "")
    if not LENGTH.fullmatch(length) or (status in NO_CONTENT and int(length)):
        return None
    if "transfer-encoding" in headers or headers.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    return AnswerHead(status, headers, int(length))


def merged(fields: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Names in lower case with their values; the values of a name that comes twice are joined by commas."""
    headers: dict[str, str] = {}
    for field, text in fields:
        name = field.lower()
        value = text.lstrip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
