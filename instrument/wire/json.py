"""JSON bytes from plain data, whatever that data turns out to be."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..recording import plain

__all__ = ["encode"]

_encode: Final = msgspec.json.Encoder().encode
_STRUCT_KIND: Final = type(msgspec.Struct)
_REFUSALS: Final = (msgspec.MsgspecError, TypeError, ValueError, ArithmeticError, RuntimeError)


def encode(data: Any) -> bytes:
    """`data` as compact UTF-8 JSON on one line. Never raises: what JSON cannot say is shown as `values.plain` does."""
    try:
        return _encode(data)
    except _REFUSALS:
        return _encode(plain(_without_structs(data), whole=True))


def _without_structs(data: Any) -> Any:
    """A payload's lists of structs, such as its spans, as lists of dicts."""
    if type(data) is not dict:
        return data
    return {key: [_as_dict(one) for one in value] if type(value) is list else value for key, value in data.items()}


def _as_dict(value: Any) -> Any:
    if type(type(value)) is not _STRUCT_KIND:
        return value
    return {name: item for name, item in msgspec.structs.asdict(value).items() if item is not None}
