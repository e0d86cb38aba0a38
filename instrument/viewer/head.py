"""What is asked, taken off a socket: a head of bounded size, in bounded time. A body is never read."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import attrs

from .. import _clock

__all__ = ["HeadError", "Request", "parse_head", "read_head"]

HEAD_BYTES: Final = 16 * 1024
HEAD_FIELDS: Final = 100
QUERY_FIELDS: Final = 20
PIECE: Final = 4096

REQUEST_LINE: Final = re.compile(r"([A-Z]{1,20}) (/[!-~]*) HTTP/1\.[01]")
FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")


class HeadError(Exception):
    """It is no request that we answer; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@attrs.frozen
class Request:
    """The head of a request. Names of `headers` are in lower case; one that came twice has both values."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


def read_head(connection: socket.socket, seconds: float) -> bytes:
    """The bytes of a head, without the empty line; all of it has to be there within `seconds`, however it trickles in.

    Raises HeadError, with the status 0 when nobody is there to be answered.
    """
    ends = _clock.seconds() + seconds
    taken = b""
    while b"\r\n\r\n" not in taken:
        left = ends - _clock.seconds()
        if len(taken) > HEAD_BYTES:
            raise HeadError(431)
        try:
            connection.settimeout(max(left, 0.001))
            piece = connection.recv(PIECE)
        except TimeoutError:
            raise HeadError(408 if taken else 0) from None
        if not piece:
            raise HeadError(0)
        taken += piece
    return taken.partition(b"\r\n\r\n")[0]


def parse_head(head: bytes) -> Request:
    """The request that a head makes. Raises HeadError for all that a browser would not send."""
    first, *lines = head.decode("latin-1").split("\r\n")
    line = REQUEST_LINE.fullmatch(first)
    if line is None:
        raise HeadError(400)
    if len(head) > HEAD_BYTES or len(lines) > HEAD_FIELDS:
        raise HeadError(431)
    headers: dict[str, str] = {}
    for text in lines:
        field = FIELD.fullmatch(text)
        if field is None:
            raise HeadError(400)
        name = field[1].lower()
        headers[name] = f"{headers[name]}, {field[2]}" if name in headers else field[2]
    path, _, query = line[2].partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=QUERY_FIELDS)
    except ValueError:
        raise HeadError(400) from None
    return Request(line[1], path, dict(pairs), headers)
