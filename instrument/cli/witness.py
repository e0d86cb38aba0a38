"""A look at the end of the pipeline: what a destination was sent, and what it answered."""

from __future__ import annotations

from typing import Any, Final

import attrs

from .. import _clock, exporters
from .._value import evolve
from ..exporters import Route, Sentry, Shipped
from ..options import Options
from ..recording import Event
from ..transport import Answer, Transport
from ..wire import Codec

__all__ = ["Way", "Witness", "configured_names", "said", "ways"]

SAID_AT_MOST: Final = 300


class Witness:
    """Stands in for the codec and the transport of a route, passes everything on, and remembers how it went."""

    def __init__(self) -> None:
        self.destination = ""
        """Where the route leads; empty before it is connected."""
        self.key = ""
        """What the spool knows that by, beside the kind of destination."""
        self.delivered = 0
        """Records that were taken. Reports of losses are not counted."""
        self.refused = 0
        """Records that were refused for good."""
        self.failures = 0
        """Bodies in a row that were neither taken nor refused."""
        self.answer: Answer | None = None
        """The last one."""
        self.answered_at = 0
        """When it came: nanoseconds since 1970-01-01 UTC."""
        self.wanted = ""
        """The id of the trace whose record we wait for."""
        self.verdict: Answer | None = None
        """The first answer to that record."""
        self.took = 0.0
        """Seconds until it came."""
        self._joined: list[bytes] = []
        self._codec: Codec
        self._transport: Transport
        self.content_type = ""
        self.max_records = 1

    def stand_in(self, route: Route) -> Route:
        """The same route, by way of this witness."""
        self.destination = route.destination
        self.key = route.destination + route.tenant
        self._codec, self._transport = route.codec, route.transport
        self.content_type, self.max_records = route.codec.content_type, route.codec.max_records
        return evolve(route, codec=self, transport=self)

    def records(self, item: Event) -> list[tuple[int, bytes]]:
        """As the codec does it."""
        return self._codec.records(item)

    def join(self, records: list[bytes]) -> bytes:
        """As the codec does it."""
        self._joined = records
        return self._codec.join(records)

    def send(self, body: bytes) -> Answer:
        """As the transport does it; the body is the one that was joined last."""
        records, begin = self._joined, _clock.seconds()
        answer = self._transport.send(body)
        self.answer, self.answered_at = answer, _clock.wall()
        self.failures = 0 if answer.outcome in ("accepted", "refused") else self.failures + 1
        if not _is_report(records[0]):
            if answer.outcome == "accepted":
                self.delivered += len(records) - len(answer.left_out)
                self.refused += len(answer.left_out)
            elif answer.outcome == "refused" and len(records) == 1:
                self.refused += 1
        if self.verdict is None and self.wanted and _holds(body, self.wanted):
            self.verdict, self.took = answer, _clock.seconds() - begin
        return answer

    def close(self) -> None:
        """As the transport does it."""
        self._transport.close()


@attrs.frozen
class Way:
    """A destination that is reached through the spool, with a witness at its end."""

    kind: str
    """The name of its class."""
    exporter: Shipped
    witness: Witness

    @property
    def key(self) -> str:
        """What the spool knows it by."""
        return f"{self.kind} {self.witness.key}"

    @property
    def url(self) -> str | None:
        """Its address, if it is reached by a network."""
        place = self.witness.destination
        return place if place.startswith(("http://", "https://")) else None


def configured_names(options: Options) -> tuple[Any, ...]:
    """The destinations that `options` name."""
    if options.exporter is not None:
        return options.exporter
    return ("local",) if options.dsn is None else ("sentry",)


def ways(options: Options, names: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[Way]]:
    """The destinations, for the option `exporter`, and those among them that we have a witness of."""
    found: list[Any] = []
    watched: list[Way] = []
    for name in names:
        kind = getattr(exporters, name.capitalize(), None) if isinstance(name, str) else None
        if not (isinstance(kind, type) and issubclass(kind, Shipped)) or (kind is Sentry and options.dsn is None):
            found.append(name)
            continue
        witness = Witness()
        made: Any = _watched(kind, witness)
        exporter = made(options.dsn) if kind is Sentry else made()
        found.append(exporter)
        watched.append(Way(kind.__name__, exporter, witness))
    return tuple(found), watched


def said(answer: Answer) -> str:
    """What a server says of its answer, in its own words, if it does."""
    text = answer.headers.get("x-sentry-error", "")
    kind = answer.headers.get("content-type", "").lower()
    if not text and "json" in kind:
        text = _of_json(answer.body)
    elif not text and kind.startswith("text/plain"):
        text = answer.body[: 4 * SAID_AT_MOST].decode(errors="replace")
    text = " ".join(text.split())
    return text[:SAID_AT_MOST] + ("..." if len(text) > SAID_AT_MOST else "")


def _of_json(body: bytes) -> str:
    import json

    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    words = [found.get(name) for name in ("detail", "error", "message")]
    causes = found.get("causes")
    words += causes if isinstance(causes, list) else []
    return "; ".join(word for word in words if isinstance(word, str) and word)


def _watched(kind: type[Shipped], witness: Witness) -> type[Shipped]:
    """The kind of destination with a witness in its route. It keeps its name, which is part of the spool's key."""

    def route(self: Shipped, options: Options) -> Route:
        return witness.stand_in(kind._route(self, options))

    def rouse(self: Shipped) -> None:
        """What dead processes left is to be looked at before it is taken."""

    return type(kind.__name__, (kind,), {"_route": route, "rouse": rouse})


def _is_report(record: bytes) -> bool:
    return any(b'"client_report"' in line for line in record.split(b"\n", 2)[1:2])


def _holds(body: bytes, trace_id: str) -> bool:
    return trace_id.encode() in body or bytes.fromhex(trace_id) in body
