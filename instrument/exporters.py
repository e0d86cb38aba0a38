"""The destinations a user names, for `init(exporter=...)`.

Making one does nothing: no file, no thread, no connection. `init` connects it, with the options that it needs.
"""

from __future__ import annotations

import os
import pathlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from ._books import Books
from ._value import Value
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
    RateLimits,
    Rejects,
    Sender,
    Shipping,
    StoreTransport,
)
from .options import Options, ca_certificates, otlp_environment, proxy_for, state_folder
from .recording import Event, count_event
from .transport import Transport
from .wire import Codec, EnvelopeCodec, EventCodec, lean_envelope

__all__ = ["Console", "JsonLines", "Local", "Memory", "Otlp", "Sentry", "destination"]

STORE_FILE: Final = "traces.db"
OTLP_HERE: Final = "http://localhost:4318/v1/traces"
GRPC: Final = (
    "OTEL_EXPORTER_OTLP_PROTOCOL=grpc cannot be used: gRPC is not spoken here. Right would be http/protobuf or"
    " http/json, and in the endpoint the receiver's port for HTTP, which is usually 4318"
)
SAME_DISK: Final = "spool disk"
"""What the spool says it under: one line is enough when a disk takes neither the spool nor the store."""


class Route(Value):
    """One way out: how items are written, who takes them, and what to call that in a log."""

    codec: Codec
    transport: Transport
    destination: str
    reports_losses: bool = False
    fault: str = "delivery"
    lean: Callable[[bytes], bytes | None] | None = None
    """What makes a record smaller that is too large for the other side."""
    limits: RateLimits = RateLimits()
    """How the other side counts what it limits."""
    tenant: str = ""
    """What tells records for one destination apart that must not be mixed. Never shown."""


class Shipped(ABC):
    """A destination that is reached through the spool. It counts in `books`, which `init` gives it."""

    def __init__(self) -> None:
        self.books = Books()
        self._found: Route | None = None
        self._shipping: Shipping | None = None

    @abstractmethod
    def _route(self, options: Options) -> Route:
        """The way to this destination."""

    def apart(self, options: Options) -> Shipped:
        """The same destination for one client alone, whose former one keeps its own. Raises `BadOption`."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self), books=Books(), _found=self._route(options), _shipping=None)
        return twin

    def follow(self, twin: Shipped) -> None:
        """Speak for `twin` from now on: to whoever made this one, it is the same."""
        self.books, self._shipping = twin.books, twin._shipping

    def connect(self, options: Options) -> None:
        """Get ready to export, as `options` say. `init` does this; the books must be in place before."""
        route = self._found or self._route(options)
        orphans_books = Books()
        spool = FileSpool(
            options.spool_dir or state_folder() / "spool",
            f"{type(self).__name__} {route.destination}{route.tenant}",
            max_bytes=options.spool_bytes,
            total_bytes=options.spool_total_bytes,
            max_age=options.spool_age,
            books=self.books,
            orphans_books=orphans_books,
        )
        delivery = Delivery(
            spool,
            route.codec,
            route.transport,
            self.books,
            destination=route.destination,
            adopt=spool.adopt,
            orphans_books=orphans_books,
            lean=route.lean,
            rejects=Rejects(spool.destination),
            drops_when_limited=options.on_rate_limit == "drop",
            reports_losses=route.reports_losses,
            limits=route.limits,
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
        self.dsn = dsn if isinstance(dsn, Dsn) else Dsn.parse(dsn)

    def _route(self, options: Options) -> Route:
        from .transport.http import HttpTransport

        codec = EnvelopeCodec()
        url = self.dsn.envelope_url
        client = client_name()
        headers = {
            "X-Sentry-Auth": self.dsn.auth_header(client),
            "User-Agent": client,
            "Content-Type": codec.content_type,
        }
        transport = HttpTransport(url, headers, proxy=proxy_for(url, options), ca_file=ca_certificates(options))
        return Route(codec, transport, url, reports_losses=True, lean=lean_envelope)

    def __reduce__(self) -> tuple[Any, ...]:
        return Sentry, (self.dsn,)  # another process connects it anew

    def __repr__(self) -> str:
        return f"Sentry({self.dsn!r})"


class Otlp(Shipped):
    """A receiver of OpenTelemetry's protocol over HTTP, such as an OpenTelemetry Collector. Raises `BadOption`.

    `endpoint` is its base address; `/v1/traces` is appended unless it ends so. The DSN of a Sentry project stands for
    that project's own receiver. `headers` go with each request. What is not given is read from the variables
    OTEL_EXPORTER_OTLP_* when `init` connects it, and so are the timeout, compression and certificates; without any of
    them the receiver is http://localhost:4318 and the encoding "protobuf".

        >>> exporter = Otlp("http://localhost:4318", headers={"x-scope-orgid": "shop"}, encoding="json")
    """

    def __init__(
        self,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        encoding: Literal["protobuf", "json"] | None = None,
    ) -> None:
        # Imported here and below: whoever sends elsewhere has no use for it.
        from .export.otlp import checked_headers, receiver_of

        super().__init__()
        if encoding not in (None, "protobuf", "json"):
            raise BadOption(f"encoding={encoding!r} cannot be used: it must be 'protobuf' or 'json'")
        self._endpoint = endpoint
        self._receiver = None if endpoint is None else receiver_of(endpoint)
        self._headers = None if headers is None else checked_headers(headers)
        self._encoding = encoding

    def _route(self, options: Options) -> Route:
        from .export.otlp import OTLP_LIMITS, OtlpCodec, OtlpTransport, receiver_of, usable_headers, user_agent
        from .transport.http import HttpTransport

        settings = otlp_environment()
        if self._receiver is None and self._encoding is None and settings.is_grpc:
            raise BadOption(GRPC)
        receiver = self._receiver or receiver_of(settings.url or OTLP_HERE, variable="OTEL_EXPORTER_OTLP_ENDPOINT")
        given = usable_headers(settings.headers) if self._headers is None else self._headers
        codec = OtlpCodec(self._encoding or ("json" if settings.encoding == "json" else "protobuf"), settings.resource)
        certificate, key = settings.client_certificate, settings.client_key
        transport = HttpTransport(
            receiver.address,
            {"User-Agent": user_agent(), **receiver.headers, **given, "Content-Type": codec.content_type},
            proxy=proxy_for(receiver.address, options),
            ca_file=str(options.ca_certs) if options.ca_certs else settings.certificate or ca_certificates(options),
            own_certificate=certificate if key is None or certificate is None else (certificate, key),
            compresses=settings.gzip,
            total_seconds=settings.timeout,
        )
        # Another program may send in the other encoding, or for another tenant of the same receiver.
        tenant = f" {codec.content_type} {receiver.address} {sorted((name.lower(), given[name]) for name in given)}"
        taker = OtlpTransport(transport, codec.content_type)
        return Route(codec, taker, receiver.place, lean=codec.lean, limits=OTLP_LIMITS, tenant=tenant)

    def __reduce__(self) -> tuple[Any, ...]:
        return Otlp, (self._endpoint, self._headers, self._encoding)

    def __repr__(self) -> str:
        return "Otlp()" if self._receiver is None else f"Otlp({self._receiver.place!r})"


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


_NAMED: Final[dict[str, Callable[[], Exporter]]] = {"local": Local, "console": Console, "memory": Memory, "otlp": Otlp}


def destination(options: Options, books: Books) -> tuple[Exporter, bool]:
    """What `options` name as the destination, connected; and whether it keeps `books` itself."""
    chosen = options.exporter
    if chosen is None:
        chosen = (Sentry(options.dsn) if options.dsn is not None else Local(),)
    given: list[Any] = [_named(one, options) if isinstance(one, str) else one for one in chosen]
    # What cannot be used is refused here, before anything is changed that a former client works with.
    each = [one.apart(options) if isinstance(one, Shipped) else one for one in given]
    exporter: Any = each[0] if len(each) == 1 else Fanout(each)
    if isinstance(exporter, Fanout):
        keeps_books = exporter.assign(books)
    else:
        keeps_books = hasattr(exporter, "books")
        if keeps_books:
            exporter.books = books
    for one, own in zip(given, each, strict=True):
        if isinstance(own, Shipped):
            own.connect(options)
            one.follow(own)
    return exporter, keeps_books


class Kept:
    """An exporter that outlasts one of its clients: it is flushed where that client closes it."""

    def __init__(self, exporter: Exporter) -> None:
        self.export = exporter.export
        self.flush = self.close = exporter.flush


def parted(former: Exporter, latter: Exporter) -> Exporter:
    """What a client has that ends when another one begins: those exporters that both have are not to be closed."""
    kept = set(map(id, _each(latter)))
    if kept.isdisjoint(map(id, _each(former))):
        return former
    return Fanout(Kept(one) if id(one) in kept else one for one in _each(former))


def _each(exporter: Exporter) -> tuple[Exporter, ...]:
    return exporter.exporters if isinstance(exporter, Fanout) else (exporter,)


def _named(name: str, options: Options) -> Exporter:
    if name == "sentry":
        if options.dsn is None:
            raise BadOption("exporter='sentry' needs a DSN: give `dsn` or set SENTRY_DSN")
        return Sentry(options.dsn)
    if name not in _NAMED:
        raise BadOption(f"exporter={name!r} cannot be used here: use one of {', '.join(sorted(_NAMED))} or sentry")
    return _NAMED[name]()
