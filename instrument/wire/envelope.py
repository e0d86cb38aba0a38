"""Envelopes: the framing in which events travel to a Sentry server, and its strict reader.

A record is an envelope without the time of sending, which `join` puts in: a record may have waited on disk for hours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from .._clock import wall
from .._value import Value
from ..recording import Event, text
from .event import encode_parts
from .json import encode
from .parts import part_id
from .shrink import BUDGET_BYTES

__all__ = ["BadEnvelope", "Envelope", "EnvelopeCodec", "EnvelopeItem", "EventCodec", "client_report", "read_envelope"]

LINE_BYTES: Final = 32 * 1024 * 1024
"""A line that the local store, its viewer and the spool take well."""

_EPOCH: Final = datetime(1970, 1, 1)


class EnvelopeCodec:
    """Each item as an envelope of its own, for a Sentry server. `now` gives nanoseconds since 1970-01-01 UTC."""

    content_type = "application/x-sentry-envelope"
    max_records = 1

    def __init__(self, now: Callable[[], int] = wall) -> None:
        self._now = now

    def records(self, item: Event) -> list[tuple[int, bytes]]:
        """Envelopes that lack only `sent_at`, and how many spans each holds."""
        headers: dict[str, Any] = {"event_id": item.event_id}
        context = item.dynamic_sampling_context
        if context:
            headers["trace"] = {key: text(value) for key, value in context.items()}
        kind = "transaction" if item.kind == "transaction" else "event"
        made: list[tuple[int, bytes]] = []
        for spans, payload in encode_parts(item, BUDGET_BYTES):
            if made:
                headers["event_id"] = part_id(item.event_id, len(made))
            made.append((spans, _framed(headers, kind, payload)))
        return made

    def encode(self, item: Event) -> bytes:
        """The first record of `item`, which most often is the only one."""
        return self.records(item)[0][1]

    def join(self, records: list[bytes]) -> bytes:
        """The first record as an envelope sent now, with the items of the others, which may only be client reports."""
        first = records[0]
        separator = b"" if first.startswith(b"{}") else b","
        others = [record.partition(b"\n")[2] for record in records[1:]]
        return b"".join([b'{"sent_at":"', _rfc3339(self._now()), b'"', separator, first[1:], *others])


class EventCodec:
    """Each item as the JSON of its event, one on a line."""

    content_type = "application/x-ndjson"
    max_records = 1000

    def records(self, item: Event) -> list[tuple[int, bytes]]:
        """The event's JSON, without a line feed, and how many spans it holds."""
        return encode_parts(item, LINE_BYTES)

    def encode(self, item: Event) -> bytes:
        """The first record of `item`, which most often is the only one."""
        return self.records(item)[0][1]

    def join(self, records: list[bytes]) -> bytes:
        """The records, one on a line."""
        return b"\n".join(records)


def client_report(discarded: Mapping[tuple[str, str], int], now: Callable[[], int] = wall) -> bytes:
    """A record that tells the server what was discarded: (reason, category) to quantity."""
    events = [
        {"reason": reason, "category": category, "quantity": quantity}
        for (reason, category), quantity in discarded.items()
        if quantity > 0
    ]
    return _framed({}, "client_report", encode({"timestamp": now() / 1e9, "discarded_events": events}))


def _framed(headers: dict[str, Any], kind: str, payload: bytes) -> bytes:
    item = f'{{"type":"{kind}","content_type":"application/json","length":{len(payload)}}}'
    return b"".join([encode(headers), b"\n", item.encode(), b"\n", payload, b"\n"])


def _rfc3339(nanoseconds: int) -> bytes:
    moment = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    return moment.isoformat(timespec="microseconds").encode() + b"Z"


class BadEnvelope(ValueError):
    """These bytes are no envelope, or not a whole one."""


class EnvelopeItem(Value):
    """One item of an envelope: its headers and its payload as it came."""

    headers: dict[str, Any]
    payload: bytes

    @property
    def type(self) -> str:
        """What the item is: "event", "transaction", "client_report" or another type."""
        return str(self.headers["type"])

    def json(self) -> Any:
        """The payload read as strict JSON; raises `BadEnvelope` when it is none."""
        return _strict_json(self.payload, "payload")


class Envelope(Value):
    """An envelope as it was read."""

    headers: dict[str, Any]
    items: tuple[EnvelopeItem, ...]


def read_envelope(body: bytes) -> Envelope:
    """Read an envelope as strictly as a server does; raises `BadEnvelope`, as one fault makes the whole invalid."""
    line, at = _line(body, 0)
    headers = _object(line, "envelope header")
    items = []
    while at < len(body):
        line, at = _line(body, at)
        item_headers = _object(line, "item header")
        if type(item_headers.get("type")) is not str:
            raise BadEnvelope("an item has no type")
        length = item_headers.get("length")
        if length is None:
            payload, at = _line(body, at)
        else:
            if type(length) is not int or length < 0:
                raise BadEnvelope("an item's length is no count of bytes")
            payload, at = body[at : at + length], at + length
            if len(payload) < length:
                raise BadEnvelope(f"an item ends {length - len(payload)} bytes early")
            if at < len(body) and body[at : at + 1] != b"\n":
                raise BadEnvelope("no line feed after a payload")
            at += 1
        items.append(EnvelopeItem(item_headers, payload))
    return Envelope(headers, tuple(items))


def _line(body: bytes, at: int) -> tuple[bytes, int]:
    end = body.find(b"\n", at)
    return (body[at:], len(body)) if end < 0 else (body[at:end], end + 1)


def _object(line: bytes, what: str) -> dict[str, Any]:
    found = _strict_json(line, what)
    if type(found) is not dict:
        raise BadEnvelope(f"{what} is no JSON object")
    if line.strip() != line:
        raise BadEnvelope(f"{what} is padded")
    return found


def _strict_json(line: bytes, what: str) -> Any:
    import json  # only those who look at envelopes need it

    try:
        return json.loads(line.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadEnvelope(f"{what} is not valid JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
