"""The three jobs of a middleware, and for which requests it starts a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from .. import _guard
from ..errors import BadOption
from ..options import HEALTH_CHECKS
from ..recording import HUB
from ._request_data import Head

__all__ = ["ERRORS", "ISOLATION", "METHODS", "TRANSACTIONS", "Jobs", "under"]

METHODS = frozenset({"CONNECT", "DELETE", "GET", "PATCH", "POST", "PUT", "TRACE"})
"""The methods whose requests are transactions by default."""

ISOLATION, TRANSACTIONS, ERRORS = 1, 2, 4


@attrs.frozen
class Jobs:
    """What a middleware does for a request, and for which ones it starts a transaction."""

    bits: int
    methods: frozenset[str]
    accepts: Callable[[Head], bool] | None
    """Whether a request goes to one of the routes that are traced; `None`: all are."""

    @classmethod
    def chosen(
        cls,
        isolation: bool,
        transactions: bool,
        errors: bool,
        methods: Iterable[str],
        routes: Iterable[str] | Callable[[Head], bool] | None,
    ) -> Jobs:
        """What the keywords of a middleware say."""
        accepts = routes if callable(routes) else under(routes)
        bits = (ISOLATION if isolation else 0) | (TRANSACTIONS if transactions else 0) | (ERRORS if errors else 0)
        named = [methods] if isinstance(methods, str) else methods
        return cls(bits, frozenset(method.upper() for method in named), accepts)

    def takes(self, head: Head) -> bool:
        """Whether this request goes to one of the routes that are traced."""
        return self.accepts is None or bool(_guard.foreign("routes", True, self.accepts, head))

    def wants(self, head: Head) -> bool:
        """Whether a request of this kind becomes a transaction."""
        if head.method not in self.methods:
            return False
        return HEALTH_CHECKS not in HUB.options.ignore_transactions or not HEALTH_CHECKS.match(head.path)


def under(routes: Iterable[str] | None) -> Callable[[Head], bool] | None:
    """Accepts paths that are, or lie below, one of the prefixes `routes`; `None`: all."""
    if routes is None:
        return None
    prefixes = tuple(map(_prefix, [routes] if isinstance(routes, str) else routes))

    def accepts(head: Head) -> bool:
        return any(head.path == prefix or head.path.startswith(prefix + "/") for prefix in prefixes)

    return accepts


def _prefix(given: str) -> str:
    if not isinstance(given, str) or not given.startswith("/"):
        raise BadOption(f"routes={given!r} cannot be used: the prefix of a path begins with a slash, as in '/api'")
    return given.rstrip("/")
