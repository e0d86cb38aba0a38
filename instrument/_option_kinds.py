"""What kinds of value an option may have.

A kind checks what code passes and returns the value to keep; it reads the text of an environment variable, if one can
say it at all. Both raise `ValueError` with the words that say what is right.
"""

from __future__ import annotations

import math
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ._value import Value
from .dsn import Dsn

__all__ = [
    "CALLABLE",
    "DSN",
    "ERRORS",
    "EXPORTERS",
    "FLAG",
    "FORMATS",
    "INTEGRATIONS",
    "NAMES",
    "ORGANISATION",
    "PATH",
    "PATTERNS",
    "RATE",
    "RATE_OR_NONE",
    "SCRUB",
    "SECONDS",
    "SIZE",
    "TEXT",
    "Kind",
    "ScrubRules",
    "count",
    "one_of",
]

_YES = frozenset({"true", "t", "yes", "y", "on", "1"})
_NO = frozenset({"false", "f", "no", "n", "off", "0"})
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
FORMAT_NAMES = ("sentry", "w3c")
EXPORTER_NAMES = ("sentry", "otlp", "local", "console", "memory", "none")


SCRUB_NAMES = (
    *("auth", "aws", "bearer", "card", "cookie", "credentials", "csrf", "identity", "ip", "jwt", "key", "password"),
    *("private_key", "saml", "secret", "session", "sid", "sql", "sso", "token", "url"),
)
"""The rules by which secrets are filtered out."""


class ScrubRules(Value):
    """The user's changes to the rules by which secrets are filtered out."""

    off: frozenset[str] = frozenset()
    """Rules that do not apply."""
    patterns: tuple[tuple[str, re.Pattern[str]], ...] = ()
    """More shapes of text that are secrets, by the name of their rule."""
    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """More words in names of secrets, by the name of their rule."""
    keep: tuple[str, ...] = ()
    """Names that are no secret's."""


class Kind(Value):
    """How values of one kind are checked, and read from text."""

    check: Callable[[Any], Any]
    read: Callable[[str], Any]


def _rate(value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0.0 <= number <= 1.0:
        raise ValueError("a number from 0 to 1")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number") from None


def _flag(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise ValueError("True or False")


def _read_flag(text: str) -> bool:
    word = text.lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise ValueError("true or false")


def _seconds(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    raise ValueError("a number of seconds, zero or more")


def _size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ValueError("a whole number of bytes above 0")


def _read_size(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15}) ?([kmg]?)(?:i?b)?", text.lower())
    if match is None:
        raise ValueError("a number of bytes, such as 67108864 or 64MiB")
    return int(match[1]) * _UNITS[match[2]]


def count(least: int = 0) -> Kind:
    """A whole number, `least` or more."""

    def check(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        raise ValueError(f"a whole number, {least} or more")

    def read(text: str) -> int:
        return check(int(text) if re.fullmatch("[0-9]{1,15}", text) else None)

    return Kind(check, read)


def one_of(*words: str) -> Kind:
    """One of a few words."""

    def check(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise ValueError("one of " + ", ".join(words))

    return Kind(check, lambda text: check(text.lower()))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("text")


def _listed(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict)):
        return tuple(value)
    return (value,)


def _words(text: str) -> tuple[str, ...]:
    if text.lower() == "none":
        return ()
    return tuple(word for part in text.split(",") if (word := part.strip()))


def _all(test: Callable[[Any], bool], right: str) -> Callable[[Any], tuple[Any, ...]]:
    def check(value: Any) -> tuple[Any, ...]:
        entries = _listed(value)
        if all(test(entry) for entry in entries):
            return entries
        raise ValueError(right)

    return check


def _callable(value: Any) -> Any:
    if callable(value):
        return value
    raise ValueError("something that can be called")


def _read_callable(text: str) -> Any:
    raise ValueError("given in code: no variable can hold what is called")


def _path(value: Any) -> pathlib.Path:
    if isinstance(value, (str, pathlib.PurePath)) and str(value) and "\0" not in str(value):
        return pathlib.Path(os.path.expanduser(value))
    raise ValueError("a path")


def _organisation(value: Any) -> str:
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if re.fullmatch("[0-9]{1,20}", text):
        return text
    raise ValueError("the digits of an organisation's id")


def _formats(value: Any) -> tuple[str, ...]:
    entries = _listed(value)
    if all(isinstance(entry, str) and entry in FORMAT_NAMES for entry in entries):
        return entries
    raise ValueError('some of "sentry" and "w3c", or nothing')


def _exporters(value: Any) -> tuple[Any, ...]:
    entries = _listed(value)
    for entry in entries:
        if isinstance(entry, type):
            raise ValueError(f"an object and not a class: write {entry.__name__}(...)")
        named = isinstance(entry, str) and entry in EXPORTER_NAMES
        if not named and not all(callable(getattr(entry, verb, None)) for verb in ("export", "flush", "close")):
            raise ValueError(f"objects with export, flush and close, or names of {', '.join(EXPORTER_NAMES)}")
    # Nobody gets the same twice.
    once = {entry if isinstance(entry, str) else id(entry): entry for entry in entries}
    return tuple(entry for name, entry in once.items() if name != "none")


def _dsn(value: Any) -> Dsn | None:
    if isinstance(value, Dsn):
        return value
    return None if isinstance(value, str) and not value.strip() else Dsn.parse(value)


def _scrub(value: Any) -> ScrubRules:
    """`{"card": False, "order": r"ORD-[0-9]{8}", "salary": ["salary", "wage"], "keep": ["session_count"]}`."""
    if isinstance(value, ScrubRules):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("a mapping of rules to False, a pattern, or a list of words")
    off: set[str] = set()
    patterns, keys, keep = [], [], ()
    for name, rule in value.items():
        if not isinstance(name, str) or not re.fullmatch("[A-Za-z0-9_.-]{1,50}", name):
            raise ValueError("a mapping whose keys are short names of rules")
        if rule is True or rule is False:
            if name not in SCRUB_NAMES:
                raise ValueError(f"a mapping that switches some of these on or off: {', '.join(SCRUB_NAMES)}")
            off.update([name] if rule is False else ())
        elif isinstance(rule, (str, re.Pattern)):
            patterns.append((name, _pattern(name, rule)))
        else:
            words = _all(lambda word: isinstance(word, str) and any(map(str.isalnum, word)), _WORDS)(rule)
            if name == "keep":
                keep = words
            else:
                keys.append((name, words))
    return ScrubRules(frozenset(off), tuple(patterns), tuple(keys), keep)


def _read_scrub(text: str) -> ScrubRules:
    """`-card,-ip`: the rules that are switched off."""
    words = _words(text)
    off = frozenset(word.removeprefix("-").lower() for word in words if word.startswith("-"))
    if len(off) < len(set(words)) or not off <= set(SCRUB_NAMES):
        raise ValueError(f"rules to switch off, such as -card,-ip; there are {', '.join(SCRUB_NAMES)}")
    return ScrubRules(off)


_WORDS = "a mapping in which lists hold words"


def _pattern(name: str, given: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        pattern = re.compile(given)
        matches_nothing = pattern.search("") is not None
    except (re.error, TypeError):
        raise ValueError(f"a mapping in which {name!r} is a pattern for text") from None
    if matches_nothing:
        raise ValueError(f"a mapping in which the pattern {name!r} does not fit an empty text")
    return pattern


def _is_error(entry: Any) -> bool:
    return isinstance(entry, str) or (isinstance(entry, type) and issubclass(entry, BaseException))


def _is_integration(entry: Any) -> bool:
    verbs = (getattr(entry, verb, None) for verb in ("install", "uninstall"))
    return isinstance(entry, str) or (not isinstance(entry, type) and all(map(callable, verbs)))


def _is_pattern(entry: Any) -> bool:
    return isinstance(entry, str) or (isinstance(entry, re.Pattern) and isinstance(entry.pattern, str))


def _is_name(entry: Any) -> bool:
    return isinstance(entry, str)


CALLABLE = Kind(_callable, _read_callable)
DSN = Kind(_dsn, _dsn)
ERRORS = Kind(_all(_is_error, "classes of exceptions, or their dotted names"), _words)
EXPORTERS = Kind(_exporters, lambda text: _exporters(_words(text.lower())))
FLAG = Kind(_flag, _read_flag)
FORMATS = Kind(_formats, lambda text: _formats(_words(text.lower())))
INTEGRATIONS = Kind(_all(_is_integration, "names of libraries, or objects with install and uninstall"), _words)
NAMES = Kind(_all(_is_name, "a list of texts"), _words)
ORGANISATION = Kind(_organisation, _organisation)
PATH = Kind(_path, _path)
PATTERNS = Kind(_all(_is_pattern, "a list of texts and compiled patterns"), _words)
RATE = Kind(_rate, lambda text: _rate(_number(text)))
RATE_OR_NONE = Kind(_rate, lambda text: None if text.lower() == "none" else _rate(_number(text)))
SCRUB = Kind(_scrub, _read_scrub)
SECONDS = Kind(_seconds, lambda text: _seconds(_number(text)))
SIZE = Kind(_size, lambda text: _size(_read_size(text)))
TEXT = Kind(_text, _text)
