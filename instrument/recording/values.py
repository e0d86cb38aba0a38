"""Any Python value as bounded plain data.

Only builtin types are walked, through their own C methods, so no code of the program runs in here: no `__repr__`,
`__str__`, `__eq__`, `__hash__`, `__class__` or property of a stranger's object. A stranger is `<module.Class>`.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable
from enum import EnumMeta
from itertools import islice
from math import isfinite
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final

from .. import _guard

__all__ = [
    "ENTRIES",
    "ITEMS",
    "STRING_BYTES",
    "Walk",
    "entries",
    "plain",
    "plain_mapping",
    "put",
    "put_group",
    "text",
    "type_name",
    "union",
]

DEPTH: Final = 10
ITEMS: Final = 100
ENTRIES: Final = 199
"""How many data, tags, extras or contexts one span or scope may have; one more entry says how many were left out."""

NODES: Final = 2000
STRING_BYTES: Final = 8192
ROOM_BYTES: Final = 256 * 1024

_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1
_SAYABLE_BITS: Final = 14_284
_CONTAINERS: Final = (dict, list, tuple, set, frozenset, deque)
_BASES: Final = {id(base): base for base in _CONTAINERS}
_HEAD_BYTES: Final = 48
_MORE: Final = "..."

# Read from `type` itself, so that neither a metaclass nor a class attribute of the same name gets a word in.
_module_of = vars(type)["__module__"].__get__
_qualname_of = vars(type)["__qualname__"].__get__
_lineage_of = vars(type)["__mro__"].__get__
_namespace_of = vars(type)["__dict__"].__get__
_args_of = vars(BaseException)["args"].__get__


def plain(value: Any, whole: bool = False) -> Any:
    """A copy of `value` made of dict, list, str, int, float, bool and None, bounded in depth, count and bytes.

    It never raises, and nothing in it changes when the value does. With `whole` the bounds are those of an event with
    all that belongs to it, not those of one value.
    """
    kind = type(value)
    if kind is str:
        if len(value) <= STRING_BYTES and value.isascii():
            return value
    elif value is None or kind is bool:
        return value
    elif kind is int:
        if _LOWEST <= value <= _HIGHEST:
            return value
    elif kind is float and isfinite(value):
        return value
    walk = Walk(depth=32, items=100_000, nodes=500_000, room=16 * 1024 * 1024) if whole else Walk()
    return walk.plain(value)


def plain_mapping(mapping: Any) -> dict[str, Any]:
    """A dict as plain data; anything else becomes a dict whose `value` says what it was."""
    shown = plain(mapping)
    return shown if type(shown) is dict else {"value": shown}


def entries(mapping: Any) -> dict[Any, Any]:
    """What a mapping holds, as a new dict of bounded size; what is no mapping is kept under `value`. Never raises."""
    kind = type(mapping)
    if kind is dict and len(mapping) <= ENTRIES:
        return mapping.copy()  # type: ignore[no-any-return]  # its kind is dict
    if issubclass(kind, dict):
        return {text(key): value for key, value in _first(dict.items(mapping), ENTRIES)}
    read = _guard.foreign("mapping", None, _read, mapping) if hasattr(kind, "keys") else None
    return {"value": mapping} if read is None else read


def put(mapping: dict[str, Any], key: str, value: Any) -> None:
    """Set an entry of a mapping that may not grow without end; where it is full, `...` counts what is left out."""
    if len(mapping) < ENTRIES or key in mapping:
        mapping[key] = value
    else:
        held = mapping.get(_MORE)
        former = held.partition(" ")[0] if type(held) is str else ""
        mapping[_MORE] = f"{int(former) + 1 if former.isdecimal() else 1} more"


def put_group(mapping: dict[str, dict[str, Any]], key: str, group: dict[str, Any]) -> None:
    """Like `put`, for a mapping of mappings: what is left out is counted as `left_out` of `...`."""
    if len(mapping) < ENTRIES or key in mapping:
        mapping[key] = group
    else:
        former = mapping.get(_MORE, {}).get("left_out")
        mapping[_MORE] = {"left_out": former + 1 if type(former) is int else 1}


def union(held: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The entries of both, those of `given` before those of `held`, within the bounds of one mapping."""
    made = {**held, **given}
    if len(made) <= ENTRIES:
        return made
    made = dict(held)
    for key, value in given.items():
        put(made, key, value)
    return made


def _read(mapping: Any) -> dict[str, Any]:
    return {text(key): mapping[key] for key in islice(mapping.keys(), ENTRIES)}


def text(value: Any) -> str:
    """`value` as text of at most 8 KB, for tags, ops and descriptions. Text passes unchanged. Never raises."""
    kind = type(value)
    if kind is str and len(value) <= STRING_BYTES and value.isascii():
        return value  # type: ignore[no-any-return]  # its kind is str
    if kind is bytes:
        value = value[: STRING_BYTES + 1].decode("utf-8", "backslashreplace")
    shown = Walk(nodes=ITEMS, room=STRING_BYTES).plain(value)
    return shown if type(shown) is str else _bounded(repr(shown))


def type_name(kind: type) -> str:
    """`module.Class`, or `Class` for builtins, without asking a metaclass."""
    module, name = _module_of(kind), str.__str__(_qualname_of(kind))
    return name if type(module) is not str or module == "builtins" else f"{module}.{name}"


class Walk:
    """One walk, and what it may spend: levels, items of one container, nodes in all, bytes of one string and in all."""

    __slots__ = ("_above", "_depth", "_items", "_nodes", "_room", "_string")

    def __init__(
        self,
        *,
        depth: int = DEPTH,
        items: int = ITEMS,
        nodes: int = NODES,
        string: int = STRING_BYTES,
        room: int = ROOM_BYTES,
    ) -> None:
        self._depth = depth
        self._items = items
        self._nodes = nodes
        self._string = string
        self._room = room
        self._above: set[int] = set()

    def plain(self, value: Any) -> Any:
        """Like `values.plain`, within what is left of this walk's budget."""
        try:
            return _guard.guarded("value", "<unreadable>", self._walk, value, 0)
        except (RecursionError, MemoryError):
            return "<unreadable>"

    def _walk(self, value: Any, depth: int) -> Any:
        self._nodes -= 1
        kind = type(value)
        if kind is str:
            return self._text(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if _LOWEST <= value <= _HIGHEST else _large(value)
        if kind is float:
            return value if isfinite(value) else str(value)
        if issubclass(kind, _CONTAINERS):
            return self._container(value, depth)
        if issubclass(kind, (str, int, float, bytes, bytearray)):
            return self._scalar(kind, value, depth)
        return self._object(kind, value, depth)

    def _text(self, value: str) -> str:
        if len(value) > self._string or not value.isascii():
            value = _bounded(value, self._string)
        self._room -= len(value)
        if self._room < 0:
            self._nodes = min(self._nodes, 0)
        return value

    def _scalar(self, kind: type, value: Any, depth: int) -> Any:
        if issubclass(kind, str):
            return self._text(str.__getitem__(value, slice(self._string + 1)))
        if issubclass(kind, int):
            return self._walk(int.__int__(value), depth)
        if issubclass(kind, float):
            return self._walk(float.__float__(value), depth)
        base: Any = bytes if issubclass(kind, bytes) else bytearray
        size, head = base.__len__(value), b64encode(base.__getitem__(value, slice(_HEAD_BYTES))).decode()
        more = _MORE if size > _HEAD_BYTES else ""
        return self._text(f"<{type_name(kind)}, {size} long: {head}{more}>")

    def _container(self, value: Any, depth: int) -> Any:
        kind = type(value)
        base: Any = _BASES.get(id(kind)) or next(base for base in _CONTAINERS if issubclass(kind, base))
        size = base.__len__(value)
        if depth >= self._depth or self._nodes <= 0:
            return self._text(f"<{type_name(kind)} of {size}>")
        mark = id(value)
        if mark in self._above:
            return f"<cycle to {type_name(kind)}>"
        self._above.add(mark)
        try:
            if base is dict:
                return self._mapping(_first(dict.items(value), self._items), size, depth)
            return self._sequence(_first(base.__iter__(value), self._items), size, depth)
        finally:
            self._above.discard(mark)

    def _mapping(self, pairs: list[tuple[Any, Any]], size: int, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for read, (key, item) in enumerate(pairs):
            if self._nodes <= 0:
                result[_MORE] = f"{size - read} more"
                return result
            result[self._key(key)] = self._walk(item, depth + 1)
        if size > len(pairs):
            result[_MORE] = f"{size - len(pairs)} more"
        return result

    def _sequence(self, items: list[Any], size: int, depth: int) -> list[Any]:
        result: list[Any] = []
        for item in items:
            if self._nodes <= 0:
                break
            result.append(self._walk(item, depth + 1))
        if size > len(result):
            result.append(f"{_MORE} {size - len(result)} more")
        return result

    def _key(self, key: Any) -> str:
        if type(key) is str:
            return self._text(key)
        shown = self._walk(key, self._depth - 1)
        return shown if type(shown) is str else _bounded(repr(shown))

    def _object(self, kind: type, value: Any, depth: int) -> Any:
        module, name = _module_of(kind), str.__str__(_qualname_of(kind))
        if type(module) is str:
            render = _RENDERED.get((module, name))
            if render is not None and vars(sys.modules[module]).get(name) is kind:
                return self._text(render(value))
            if module == "numpy" and vars(sys.modules.get(module, sys)).get(name) is kind:
                return self._numpy(name, value, depth)
        if kind is FunctionType:
            return self._text(f"<function {value.__qualname__}>")
        if issubclass(kind, type):
            return self._text(f"<class {type_name(value)}>")
        if issubclass(kind, BaseException):
            return self._error(kind, value, depth)
        if issubclass(type(kind), EnumMeta):
            member = _attributes(kind, value).get("_name_")
            return self._text(f"{_qualname_of(kind)}.{member}" if type(member) is str else f"<{type_name(kind)}>")
        shown = _shown_fields(kind)
        if shown is not None and depth < self._depth and id(value) not in self._above:
            return self._model(kind, value, shown, depth)
        return self._text(f"<{type_name(kind)}>")

    def _error(self, kind: type, error: BaseException, depth: int) -> str:
        args = self._walk(_args_of(error), depth + 1)
        inner = ", ".join(repr(arg) for arg in args) if type(args) is list else str(args)
        return self._text(f"{type_name(kind)}({inner})")

    def _model(self, kind: type, value: Any, shown: list[str], depth: int) -> dict[str, Any]:
        held = _attributes(kind, value)
        pairs = [(name, held[name]) for name in shown[: self._items] if name in held]
        self._above.add(id(value))
        try:
            return self._mapping(pairs, len(pairs), depth)
        finally:
            self._above.discard(id(value))

    def _numpy(self, name: str, value: Any, depth: int) -> Any:
        if name == "ndarray":
            return self._text(f"<numpy.ndarray {value.dtype.name} {value.shape}>")
        item = value.item() if hasattr(type(value), "item") and value.ndim == 0 else None
        exact = type(item) in (bool, int, float, str, bytes)
        return self._walk(item, depth) if exact else self._text(f"<numpy.{name}>")


def _first(source: Iterable[Any], count: int) -> list[Any]:
    read: list[Any] = []
    try:
        read.extend(islice(source, count))
    except RuntimeError:
        pass  # It changed while being read; what was read before stands.
    return read


def _bounded(value: str, limit: int = STRING_BYTES) -> str:
    if len(value) > limit:
        value = value[: limit - 3] + _MORE
    if value.isascii():
        return value
    encoded = value.encode("utf-8", "backslashreplace")
    if len(encoded) > limit:
        return encoded[: limit - 3].decode("utf-8", "ignore") + _MORE
    return encoded.decode("utf-8")


def _large(value: int) -> str:
    bits = value.bit_length()
    if bits <= _SAYABLE_BITS:
        try:
            return str(value)
        except ValueError:
            pass  # The program lowered `sys.set_int_max_str_digits`.
    return f"<int, {bits} bits>"


def _attributes(kind: type, value: Any) -> dict[str, Any]:
    """What an instance holds in its `__dict__` and slots, read through the descriptors that CPython made for them."""
    held: dict[str, Any] = {}
    for base in reversed(_lineage_of(kind)):
        for name, found in _namespace_of(base).items():
            if type(found) is MemberDescriptorType:
                try:
                    held[name] = found.__get__(value)
                except AttributeError:
                    continue  # An empty slot.
            elif name == "__dict__" and type(found) is GetSetDescriptorType and base is not type:
                held.update(found.__get__(value))
    return held


def _shown_fields(kind: type) -> list[str] | None:
    """The fields of a dataclass, attrs class or pydantic model that its author lets `repr` show; else `None`."""
    for base in _lineage_of(kind):
        namespace = _namespace_of(base)
        for marker in ("__dataclass_fields__", "__attrs_attrs__", "__pydantic_fields__"):
            declared = namespace.get(marker)
            if type(declared) is dict:
                return [name for name, field in declared.items() if type(name) is str and _is_shown(field)]
            if issubclass(type(declared), tuple):
                return [_slot(field, "name") for field in tuple.__iter__(declared) if _is_shown(field)]
    return None


def _is_shown(field: Any) -> bool:
    return _slot(field, "repr") is not False


def _slot(field: Any, name: str) -> Any:
    for base in _lineage_of(type(field)):
        found = _namespace_of(base).get(name)
        if type(found) is MemberDescriptorType:
            return found.__get__(field)
    return None


def _moment(value: Any) -> str:
    zone = value.tzinfo
    if zone is not None and type_name(type(zone)) not in ("datetime.timezone", "zoneinfo.ZoneInfo"):
        return f"{value.replace(tzinfo=None).isoformat()} <{type_name(type(zone))}>"
    return str(value.isoformat())


def _decimal(value: Any) -> str:
    return str(value) if value.__sizeof__() <= STRING_BYTES else "<decimal.Decimal>"


_PATHS: Final = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
_RENDERED: Final[dict[tuple[str, str], Callable[[Any], str]]] = {
    ("datetime", "datetime"): _moment,
    ("datetime", "time"): _moment,
    ("datetime", "date"): str,
    ("datetime", "timedelta"): str,
    ("decimal", "Decimal"): _decimal,
    ("fractions", "Fraction"): str,
    ("uuid", "UUID"): str,
    ("builtins", "complex"): str,
    ("builtins", "range"): str,
    **{(module, name): str for module in ("pathlib", "pathlib._local") for name in _PATHS},
}
