"""What goes back: a status, a body, and the headers that keep a page of ours from being used against its reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

__all__ = ["Answer", "said", "told"]

POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # A browser that knows these refuses to make markup of text, whatever a script tries.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)

ALWAYS: Final = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@attrs.frozen
class Answer:
    """An answer, whole."""

    status: int
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    headers: Mapping[str, str] = {}

    def encode(self, *, with_body: bool = True) -> bytes:
        """The bytes to send; without a body what HEAD asks for."""
        fields = {
            **ALWAYS,
            "Content-Type": self.content_type,
            "Content-Length": str(len(self.body)),
            **self.headers,
        }
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head + self.body if with_body else head


def said(status: int, text: str = "", **headers: str) -> Answer:
    """An answer in words."""
    words = text or HTTPStatus(status).phrase
    return Answer(status, body=f"{words}\n".encode(), headers={n.replace("_", "-"): v for n, v in headers.items()})


def told(data: Any, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON."""
    body = json.dumps(data, separators=(",", ":"), allow_nan=False).encode()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, "application/json", body, fields)
