"""Who may ask: this machine's user, with a page of ours. Other people, other machines and other sites' pages may not.

A page of another site can make the browser ask us, under a name of its own that leads here (DNS rebinding) or under
ours. So the host, the origin and the site are looked at before anything else is, and then the token.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from .answer import Answer, said
from .head import Request

__all__ = ["PAGE", "Gate"]

PAGE: Final = re.compile(r"/|/trace/[0-9a-f]{1,64}")
"""The paths that the page is at."""

OWN_SITES: Final = ("same-origin", "none")
STRANGER: Final = "This page is for the one who started it: open the address that `instrument view` printed."


class Gate:
    """Holds what one has to know to get in. `token` is good as long as the viewer runs; a `ticket()`, once."""

    def __init__(self, port: int) -> None:
        self.hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        if port == 80:
            self.hosts |= {host.removesuffix(":80") for host in self.hosts}
        self.token = secrets.token_urlsafe(24)
        # Cookies of one host are the same for all its ports, so each port has a name of its own.
        self._name = f"instrument-{port}"
        self._cookie = secrets.token_urlsafe(24)
        self._tickets: set[str] = set()

    def ticket(self) -> str:
        """A token for a single use, for a command line: other users of the machine can read those."""
        made = secrets.token_urlsafe(24)
        self._tickets.add(made)
        return made

    def refusal(self, request: Request) -> Answer | None:
        """The answer to who may not ask, or to who has just shown the token; None lets the request in."""
        headers = request.headers
        host = headers.get("host", "")
        if host not in self.hosts:
            return said(403, "That is not the name of this place.")
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            return said(403, "Other sites may not ask.")
        if headers.get("sec-fetch-site", "none") not in OWN_SITES:
            return said(403, "Other sites may not ask.")
        if request.method not in ("GET", "HEAD"):
            return said(405, "Nothing can be changed here.", Allow="GET, HEAD")
        if "token" in request.query:
            return self._welcome(request)
        return None if self._has_cookie(headers.get("cookie", "")) else said(403, STRANGER)

    def _welcome(self, request: Request) -> Answer:
        """Give the cookie, and have the browser forget the address with the token."""
        given = request.query["token"]
        if not _same(given, self.token):
            if given not in self._tickets:
                return said(403, STRANGER)
            self._tickets.discard(given)
        path = request.path if PAGE.fullmatch(request.path) else "/"
        cookie = f"{self._name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"
        return said(303, Location=path, Set_Cookie=cookie)

    def _has_cookie(self, text: str) -> bool:
        pairs = (pair.strip().partition("=") for pair in text.split(";"))
        return any(name == self._name and _same(value, self._cookie) for name, _, value in pairs)


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), expected.encode())
