"""urllib3, and so requests: a connection that it makes before `http.client` hears of the request.

It does so for TLS, and for a tunnel through a proxy. The span of the request lasts from there, and a connection that is
refused, or whose certificate is, has one too. All else is the business of the patch of `http.client`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .http_client import Unsent, connecting
from .patch import Around, LibraryPatch

__all__ = ["Urllib3"]

_TLS = 443


class Urllib3(LibraryPatch):
    """Connections of urllib3's pools."""

    name = "urllib3"
    oldest = (1, 25)

    def hooks(self) -> Iterable[Around]:
        """Where a request is given its connection, and where a tunnel is made for one."""
        return (
            Around("connectionpool.HTTPConnectionPool._make_request", _asking, _refused, only_failures=True),
            Around("connectionpool.HTTPSConnectionPool._prepare_proxy", _tunnelling, _refused, only_failures=True),
        )


def _asking(pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Unsent | None:
    if len(args) < 3 or args[0].default_port != _TLS or args[0].sock is not None:
        return None
    return connecting(args[0], args[1], args[2])


def _tunnelling(pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Unsent | None:
    connection = args[0] if args else kwargs["conn"]
    return connecting(connection, "CONNECT", f"https://{pool._tunnel_host}:{pool.port}")


def _refused(request: Unsent, result: Any, error: BaseException | None) -> None:
    request.failed(error)
