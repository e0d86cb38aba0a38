"""The few messages of OTLP that we send, as protobuf, and the one that we read.

Numbers of fields: https://github.com/open-telemetry/opentelemetry-proto. What follows a field's number is its type:
0 a varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Any, Final

from .otlp_span import OtlpEvent, OtlpSpan
from .otlp_value import attribute

__all__ = ["field", "fields", "join", "read_response", "record", "resource", "varint"]

_TIME: Final = Struct("<BQ").pack
_FIXED: Final = Struct("<BBBQBQBBI").pack
_DOUBLE: Final = Struct("<Bd").pack
_ONE_BYTE: Final = tuple(bytes([number]) for number in range(128))
_SMALL: Final = tuple(b"\x18" + one for one in _ONE_BYTE)
_MASK: Final = (1 << 64) - 1


def resource(attributes: dict[str, Any]) -> bytes:
    """What the spans of a record were recorded by."""
    return field(b"\x0a", b"".join(_attributes(b"\x0a", attributes)))


def record(resource: bytes, scope: tuple[str, str], spans: list[OtlpSpan]) -> bytes:
    """A whole request with these spans. Requests one after another are one request."""
    scoped = [_scope(*scope), *map(_span, spans)]
    return field(b"\x0a", resource + field(b"\x12", b"".join(scoped)))


def join(records: list[bytes]) -> bytes:
    """All of them as one request."""
    return b"".join(records)


@lru_cache(maxsize=1)
def _scope(name: str, version: str) -> bytes:
    return field(b"\x0a", _text(b"\x0a", name) + _text(b"\x12", version))


def _span(span: OtlpSpan) -> bytes:
    parent = span.parent_id
    ids = b"\x0a\x10%b\x12\x08%b" % (bytes.fromhex(span.trace_id), bytes.fromhex(span.span_id))
    if parent:
        ids = b"%b\x22\x08%b" % (ids, bytes.fromhex(parent))
    if len(ids) != (38 if parent else 28):
        raise ValueError("an id of a wrong length")
    if span.trace_state:
        ids = b"%b%b" % (ids, _text(b"\x1a", span.trace_state))
    parts = [
        ids,
        _text(b"\x2a", span.name),
        _FIXED(0x30, span.kind, 0x39, span.start, 0x41, span.end, 0x85, 1, span.flags),
    ]
    if span.attributes:
        parts += _attributes(b"\x4a", span.attributes)
    if span.dropped_attributes:
        parts.append(b"\x50" + varint(span.dropped_attributes))
    if span.events:
        parts += [field(b"\x5a", _event(event)) for event in span.events]
    if span.dropped_events:
        parts.append(b"\x60" + varint(span.dropped_events))
    if span.status:
        message = _text(b"\x12", span.message) if span.message else b""
        parts.append(field(b"\x7a", message + b"\x18" + _ONE_BYTE[span.status]))
    return field(b"\x12", b"".join(parts))


def _event(event: OtlpEvent) -> bytes:
    return b"".join([_TIME(0x09, event.time), _text(b"\x12", event.name), *_attributes(b"\x1a", event.attributes)])


def _attributes(tag: bytes, attributes: dict[str, Any]) -> list[bytes]:
    """Each attribute as the field `tag`: its key and its value in lengths that are told."""
    written = []
    for name, given in attributes.items():
        key = _key(name)
        kind = type(given)
        if kind is str:
            text = given.encode()
            length = len(text)
            if length + len(key) < 124:  # as nearly all are: every length is one byte
                written.append(b"%b%c%b\x12%c\x0a%c%b" % (tag, length + len(key) + 4, key, length + 2, length, text))
                continue
            value = b"\x0a%b%b" % (varint(length), text)
        elif kind is int and 0 <= given < 128:
            value = _SMALL[given]
        elif given is None:
            continue
        else:
            value = _value(given)
        size = len(value)
        if size + len(key) < 126:
            written.append(b"%b%c%b\x12%c%b" % (tag, size + len(key) + 2, key, size, value))
        else:
            both = b"%b\x12%b%b" % (key, varint(size), value)
            written.append(b"%b%b%b" % (tag, varint(len(both)), both))
    return written


@lru_cache(maxsize=1024)
def _key(name: str) -> bytes:
    return _text(b"\x0a", name)


def _value(given: Any) -> bytes:
    """A message `AnyValue`."""
    value: Any = attribute(given)
    kind = type(value)
    if kind is str:
        return _text(b"\x0a", value)
    if kind is int:
        return b"\x18" + varint(value & _MASK)
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is float:
        return _DOUBLE(0x21, value)
    return field(b"\x2a", b"".join([field(b"\x0a", _value(one)) for one in value]))


def _text(tag: bytes, text: str) -> bytes:
    encoded = text.encode()
    length = len(encoded)
    return b"%b%b%b" % (tag, _ONE_BYTE[length] if length < 128 else varint(length), encoded)


def field(tag: bytes, message: bytes) -> bytes:
    """A field that has a length, `tag` being its number and type."""
    return b"%b%b%b" % (tag, varint(len(message)), message)


def varint(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    if number < 128:
        return _ONE_BYTE[number]
    groups = bytearray()
    while number >= 128:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def read_response(body: bytes) -> tuple[int, str]:
    """How many spans were rejected and what is said of it. Raises `ValueError` for what is no response."""
    rejected, message = 0, ""
    for number, value, _ in fields(body):
        if number == 1 and isinstance(value, bytes):
            for inner, told, _ in fields(value):
                if inner == 1 and isinstance(told, int):
                    rejected = told if told <= _MASK >> 1 else told - _MASK - 1
                elif inner == 2 and isinstance(told, bytes):
                    message = told.decode("utf-8", "replace")
    return rejected, message


def fields(message: bytes) -> list[tuple[int, int | bytes, bytes]]:
    """Of each field its number, its value, and all of it as it is written. Raises `ValueError` where they are none."""
    found: list[tuple[int, int | bytes, bytes]] = []
    at = 0
    while at < len(message):
        begin = at
        tag, at = _read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            told, at = _read_varint(message, at)
            found.append((number, told, message[begin:at]))
            continue
        if kind == 2:
            size, at = _read_varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("a type of field that is not in use")
        if at + size > len(message):
            raise ValueError("a field ends early")
        found.append((number, message[at : at + size], message[begin : at + size]))
        at += size
    return found


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("a number ends early")
        byte = message[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & _MASK, at
    raise ValueError("a number that is too long")
