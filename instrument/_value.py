"""Values for what every program loads: classes whose fields are their annotations, without generated code.

Where a command or a worker begins, attrs writes such classes. Importing it, and compiling what it writes for each
class, would be half of what `import instrument` costs and a third of `init`, so what these two bring in does without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_):
        """What tells type checkers of the fields, on versions of Python that do not have it."""
        return lambda cls: cls


__all__ = ["Draft", "Field", "Value", "as_dict", "evolve", "fields", "made"]

T = TypeVar("T", bound="_Fields")
_REQUIRED = object()


class Field:
    """What there is to know of a field: its default, or what makes one for each instance."""

    __slots__ = ("default", "make")

    def __init__(self, default: Any = _REQUIRED, make: Callable[[], Any] | None = None) -> None:
        self.default = default
        self.make = make


def made(make: Callable[[], Any]) -> Any:
    """The default of a field that is made anew for each instance."""
    return Field(make=make)


class _Fields:
    """An instance is given all fields that have no default, in their order or by name."""

    _fields: ClassVar[Mapping[str, Field]] = {}
    _plain: ClassVar[Mapping[str, Any]] = {}
    _made: ClassVar[tuple[tuple[str, Callable[[], Any]], ...]] = ()

    def __init_subclass__(cls) -> None:
        own = {
            name: cls.__dict__.get(name, _REQUIRED)
            for name, of in cls.__annotations__.items()
            if "ClassVar" not in str(of)
        }
        added = {name: given if isinstance(given, Field) else Field(given) for name, given in own.items()}
        every = cls._fields = {**cls._fields, **added}
        cls._plain = {name: field.default for name, field in every.items() if field.default is not _REQUIRED}
        cls._made = tuple((name, field.make) for name, field in every.items() if field.make is not None)

    def __init__(self, *values: Any, **named: Any) -> None:
        state = {**self._plain}
        for name, make in self._made:
            if name not in named:
                state[name] = make()
        state.update(zip(self._fields, values, strict=False))
        state.update(named)
        if not len(values) <= len(self._fields) == len(state):
            wrong = ", ".join(sorted(state.keys() ^ self._fields.keys()))
            raise TypeError(f"{type(self).__name__} lacks a field or has one too many: {wrong}")
        self.__dict__.update(state)

    def _shown(self, name: str) -> str:
        return repr(getattr(self, name))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={self._shown(name)}' for name in self._fields)})"


@dataclass_transform(frozen_default=True)
class Value(_Fields):
    """The base of values: they compare by their fields, print them, and never change."""

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(map(self.__dict__.__getitem__, self._fields)))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{name} of a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name} of a {type(self).__name__} cannot be changed")


@dataclass_transform(kw_only_default=True)
class Draft(_Fields):
    """The base of what is filled in on its way. Fields are given by name."""


def evolve(value: T, **changes: Any) -> T:
    """A value like `value`, with some fields changed."""
    return type(value)(**{**value.__dict__, **changes})


def fields(kind: type[_Fields]) -> Mapping[str, Any]:
    """The fields of a class, by name, in their order."""
    return kind._fields


def as_dict(value: _Fields) -> dict[str, Any]:
    """The fields of a value and of the values in it."""
    return {name: as_dict(part) if isinstance(part, _Fields) else part for name, part in _parts(value)}


def _parts(value: _Fields) -> list[tuple[str, Any]]:
    return [(name, getattr(value, name)) for name in value._fields]
