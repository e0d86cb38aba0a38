"""The destinations a user names, for `init(exporter=...)`.

Making one does nothing: no file, no thread, no connection. `init` connects it, with the options that it needs.
"""

from __future__ import annotations

import os
import pathlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

import attrs

from ._books import Books
from ._version import client_name
from .dsn import Dsn
from .errors import BadOption
from .export import (
    Console,
    Delivery,
    Exporter,
    Fanout,
    FileSpool,
    JsonLines,
    Memory,
    Rejects,
    Sender,
    Shipping,
    StoreTransport,
)
from .options import Options, ca_certificates, proxy_for, state_folder
from .recording import Event, count_event
from .transport import HttpTransport, Transport
from .wire import Codec, EnvelopeCodec, EventCodec

__all__ = ["Console", "JsonLines", "Local", "Memory", "Sentry", "destination"]

STORE_FILE: Final = "traces.db"
SAME_DISK: Final = "spool disk"
"""What the spool says it under: one line is enough when a disk takes neither the spool nor the store."""


@attrs.frozen
class Route:
    """One way out: how items are written, who takes them, and what to call that in a log."""

    codec: Codec
    transport: Transport
    destination: str
    reports_losses: bool = False
    fault: str = "delivery"


class Shipped(ABC):
    """A destination that is reached through the spool. It counts in `books`, which `init` gives it."""

    def __init__(self) -> None:
        self.books = Books()
        self._shipping: Shipping | None = None

    @abstractmethod
    def _route(self, options: Options) -> Route:
        """The way to this destination."""

    def connect(self, options: Options) -> None:
        """Get ready to export, as `options` say. `init` does this; the books must be in place before."""
        route = self._route(options)
        spool = FileSpool(
            options.spool_dir or state_folder() / "spool",
            f"{type(self).__name__} {route.destination}",
            max_bytes=options.spool_bytes,
            total_bytes=options.spool_total_bytes,
            max_age=options.spool_age,
            books=self.books,
        )
        delivery = Delivery(
            spool,
            route.codec,
            route.transport,
            self.books,
            destination=route.destination,
            adopt=spool.adopt,
            rejects=Rejects(spool.destination),
            drops_when_limited=options.on_rate_limit == "drop",
            reports_losses=route.reports_losses,
            fault=route.fault,
        )
        sender = Sender(delivery, route.transport)
        self._shipping = Shipping(route.codec, spool, sender, self.books, timeout=options.shutdown_timeout)

    def rouse(self) -> None:
        """Begin to send if other processes have something here: one may be dead, and this one may never record."""
        if self._shipping is not None:
            self._shipping.rouse()

    def export(self, item: Event) -> None:
        """Take a finished transaction or error."""
        if self._shipping is None:
            count_event(self.books, item, "dropped:not_connected")
        else:
            self._shipping.export(item)

    def flush(self, timeout: float | None = None, *, orphans: bool = False) -> bool:
        """Wait until all that was exported has been taken; with `orphans` also what dead processes left."""
        return self._shipping is None or self._shipping.flush(timeout, orphans=orphans)

    def close(self, timeout: float | None = None) -> bool:
        """Send what can be sent in `timeout` seconds and end. What is left stays on disk for the next process."""
        return self._shipping is None or self._shipping.close(timeout)


class Sentry(Shipped):
    """A Sentry project, or whatever speaks its protocol. Raises `BadDsn`.

    `init(exporter=Sentry("https://KEY@HOST/PROJECT"))` is what `init("https://KEY@HOST/PROJECT")` means.
    """

    def __init__(self, dsn: str | Dsn) -> None:
        super().__init__()
        self._dsn = dsn if isinstance(dsn, Dsn) else Dsn.parse(dsn)

    def _route(self, options: Options) -> Route:
        codec = EnvelopeCodec()
        url = self._dsn.envelope_url
        client = client_name()
        headers = {
            "X-Sentry-Auth": self._dsn.auth_header(client),
            "User-Agent": client,
            "Content-Type": codec.content_type,
        }
        transport = HttpTransport(url, headers, proxy=proxy_for(url, options), ca_file=ca_certificates(options))
        return Route(codec, transport, url, reports_losses=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return Sentry, (self._dsn,)  # another process connects it anew

    def __repr__(self) -> str:
        return f"Sentry({self._dsn!r})"


class Local(Shipped):
    """The local store, which `instrument list` and `instrument view` read. The default destination.

    `path` is its file; by default the option `store_path`, else a file in the user's state folder that all programs of
    that user share.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        super().__init__()
        self._path = None if path is None else pathlib.Path(path)

    def _route(self, options: Options) -> Route:
        path = self._path or options.store_path or state_folder() / STORE_FILE
        transport = StoreTransport(path.absolute(), max_bytes=options.store_bytes, max_age=options.store_age)
        return Route(EventCodec(), transport, str(path.absolute()), fault=SAME_DISK)

    def __reduce__(self) -> tuple[Any, ...]:
        return Local, (self._path,)

    def __repr__(self) -> str:
        return f"Local({str(self._path)!r})" if self._path else "Local()"


_NAMED: Final[dict[str, Callable[[], Exporter]]] = {"local": Local, "console": Console, "memory": Memory}


def destination(options: Options, books: Books) -> tuple[Exporter, bool]:
    """What `options` name as the destination, connected; and whether it keeps `books` itself."""
    chosen = options.exporter
    if chosen is None:
        chosen = (Sentry(options.dsn) if options.dsn is not None else Local(),)
    each: list[Any] = [_named(one, options) if isinstance(one, str) else one for one in chosen]
    exporter: Any = each[0] if len(each) == 1 else Fanout(each)
    if isinstance(exporter, Fanout):
        keeps_books = exporter.assign(books)
    else:
        keeps_books = hasattr(exporter, "books")
        if keeps_books:
            exporter.books = books
    for one in each:
        if hasattr(one, "connect"):
            one.connect(options)
    return exporter, keeps_books


def _named(name: str, options: Options) -> Exporter:
    if name == "sentry":
        if options.dsn is None:
            raise BadOption("exporter='sentry' needs a DSN: give `dsn` or set SENTRY_DSN")
        return Sentry(options.dsn)
    if name not in _NAMED:
        raise BadOption(f"exporter={name!r} cannot be used here: use one of {', '.join(sorted(_NAMED))} or sentry")
    return _NAMED[name]()
