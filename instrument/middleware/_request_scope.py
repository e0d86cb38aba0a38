"""The scope of a request: what its events say of it."""

from __future__ import annotations

from typing import Any

from .. import _guard
from ..recording import HUB, Scope, Trace
from ._request_data import Head, request_data

__all__ = ["RequestScope", "is_twin"]


class RequestScope(Scope):
    """The scope of one request. What is known of the request is put together when an event asks for it."""

    def __init__(self, head: Head, trace: Trace | None) -> None:
        self.head = head
        self.named: tuple[str, str] | None = None
        super().__init__(HUB, trace)
        self._is_user_set = False

    def unit(self) -> tuple[str, str]:
        """The name of the request and the source of it, for events outside of its transaction."""
        return self.named or (f"{self.head.method} {self.head.path}", "url")

    @property
    def request(self) -> dict[str, Any] | None:
        """The `request` of events in this scope."""
        if self._given is None:
            return _guard.paired("request data", None, request_data, self.head, HUB.options)
        return self._given

    @request.setter
    def request(self, given: dict[str, Any] | None) -> None:
        self._given = given

    @property
    def user(self) -> dict[str, Any] | None:
        """The `user` of events: whom the program has set, or, if that may be told, whom the framework knows."""
        user_of = self.head.user_of
        if self._is_user_set or user_of is None or not HUB.options.send_default_pii:
            return self._user
        known = _guard.foreign("user of the request", None, user_of)
        return {key: value for key, value in known.items() if value not in (None, "")} or None if known else None

    @user.setter
    def user(self, given: dict[str, Any] | None) -> None:
        self._user = given
        self._is_user_set = True

    def continue_trace(self, trace: Trace) -> None:
        """Belong to `trace` from now on."""
        self._place = {"trace": trace}


def is_twin(one: Head, other: Head) -> bool:
    """Whether two requests are the same, read from different carriers. A call of the program's has its own headers."""
    return (one.method, one.path) == (other.method, other.path) and _headers(one) == _headers(other)


def _headers(head: Head) -> dict[str, str]:
    return {key.replace("_", "-"): value.replace(" ", "") for key, value in head.header_map().items() if value}
