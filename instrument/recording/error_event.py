"""Exceptions, messages and hand-made events as error events.

An exception's own `__str__` is called only if its class brings one, and guarded; everything else is read from C slots.
"""

from __future__ import annotations

import builtins
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import WrapperDescriptorType
from typing import Any, Final

from .. import _guard
from .event import ErrorEvent
from .moment import nanoseconds
from .stacktrace import FrameReader, FrameRules
from .values import STRING_BYTES, Walk, plain, text, type_name

__all__ = ["error_event", "exception_values", "message_event", "origin_of", "traceback_of", "user_event"]

CHAIN_MEMBERS: Final = 50
COUNTED_MEMBERS: Final = 10_000
SAYABLE_BITS: Final = 2000
LAST_LINE: Final = 2**31 - 1

_slots: Final = vars(BaseException)
traceback_of = _slots["__traceback__"].__get__
"""The traceback of an exception, whatever its class has under that name."""

_args_of = _slots["args"].__get__
_cause_of = _slots["__cause__"].__get__
_context_of = _slots["__context__"].__get__
_suppresses = _slots["__suppress_context__"].__get__
_dict_of = _slots["__dict__"].__get__
_number_of = vars(OSError)["errno"].__get__
_name_of_thread = next(vars(kind)["name"] for kind in threading.Thread.__mro__ if "name" in vars(kind)).__get__
_name_of = vars(type)["__qualname__"].__get__
_lineage_of = vars(type)["__mro__"].__get__
_namespace_of = vars(type)["__dict__"].__get__

_SAID: Final[dict[type[BaseException], tuple[str, ...]]] = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    SyntaxError: ("msg",),
    UnicodeEncodeError: ("encoding", "reason"),
    UnicodeDecodeError: ("encoding", "reason"),
    UnicodeTranslateError: ("reason",),
}
_GROUP: Final[Any] = getattr(builtins, "BaseExceptionGroup", ())
_members_of: Final = vars(_GROUP)["exceptions"].__get__ if _GROUP else None

# Compared by identity: a metaclass may bring an `__eq__` and a `__hash__` of its own.
_SCALARS: Final = frozenset(map(id, (str, int, float, bool, type(None), bytes)))
_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"(?!0{16})[0-9a-f]{16}")
_LEVELS: Final = frozenset({"fatal", "error", "warning", "info", "debug"})


def error_event(
    error: BaseException,
    *,
    event_id: str,
    time: int,
    trace_id: str,
    span_id: str,
    parent_span_id: str | None = None,
    rules: FrameRules | None = None,
    mechanism: str = "generic",
    handled: bool = True,
    level: str = "error",
) -> ErrorEvent:
    """An exception with its causes as an event. `time` is in nanoseconds since 1970-01-01 UTC."""
    rules = FrameRules() if rules is None else rules
    thread = {"id": threading.get_ident(), "name": _thread_name(), "current": True}
    thread["crashed"] = not handled
    if traceback_of(error) is None:
        # It was made but never raised: where it was captured is the best that can be said.
        frames = FrameReader(rules).from_stack(sys._getframe())
        thread["stacktrace"] = {"frames": frames}
    values = exception_values(error, rules, mechanism=mechanism, handled=handled)
    values[-1]["thread_id"] = thread["id"]
    return ErrorEvent(
        event_id=event_id,
        time=time,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        level=level,
        exceptions=values,
        threads=[thread],
    )


def origin_of(error: BaseException) -> tuple[str, str, int | None]:
    """What makes an exception the same as another one: its class, and the file and the line that raised it."""
    traceback = traceback_of(error)
    if traceback is None:
        return type_name(type(error)), "", None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return type_name(type(error)), str.__str__(traceback.tb_frame.f_code.co_filename), traceback.tb_lineno


def message_event(
    message: str,
    *,
    event_id: str,
    time: int,
    trace_id: str,
    span_id: str,
    parent_span_id: str | None = None,
    level: str = "info",
) -> ErrorEvent:
    """A message as an event. `time` is in nanoseconds since 1970-01-01 UTC."""
    return ErrorEvent(
        event_id=event_id,
        time=time,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        level=_level(level, "info"),
        message=text(message),
    )


def exception_values(
    error: BaseException, rules: FrameRules, *, mechanism: str = "generic", handled: bool = True
) -> list[dict[str, Any]]:
    """The exception with its causes, contexts and group members, oldest first and the raised one last.

    At most 50 are kept, those nearest to the raised one; the oldest kept says how many were left out.
    """
    reader = FrameReader(rules)
    values: list[dict[str, Any]] = []
    left_out = 0
    for member, parent, source in _members(error):
        if len(values) >= CHAIN_MEMBERS:
            left_out += 1
            continue
        how = {"type": mechanism if parent is None else "chained", "handled": handled, "exception_id": len(values)}
        if parent is not None:
            how |= {"parent_id": parent, "source": source}
        if _group_members(member):
            how["is_exception_group"] = True
        values.append(_value(member, reader, how))
    if left_out:
        values[-1]["mechanism"]["data"] = {"left_out": left_out}
    values.reverse()
    return values


def user_event(
    mapping: Mapping[str, Any],
    *,
    event_id: str,
    time: int,
    trace_id: str,
    span_id: str,
    parent_span_id: str | None = None,
) -> ErrorEvent:
    """An event as the user built it, in the Sentry protocol's shape. What has no field of its own goes to `other`."""
    given = {key: Walk(items=250, nodes=20_000).plain(value) for key, value in _entries(mapping)}
    event = ErrorEvent(event_id=event_id, time=time, trace_id=trace_id, span_id=span_id, parent_span_id=parent_span_id)
    own_id = str(given.pop("event_id", "")).replace("-", "").lower()
    if _TRACE_ID.fullmatch(own_id):
        event.event_id = own_id
    event.time = nanoseconds(given.pop("timestamp", None), time)
    event.exceptions = [_named(value) for value in _values(given.pop("exception", None))]
    event.level = _level(given.pop("level", None), "error" if event.exceptions else "info")
    event.threads = _values(given.pop("threads", None))
    event.breadcrumbs = _values(given.pop("breadcrumbs", None))
    event.tags = {key: text(value) for key, value in _pairs(given.pop("tags", None))}
    event.modules = {key: text(value) for key, value in _pairs(given.pop("modules", None))}
    event.extra = dict(_pairs(given.pop("extra", None)))
    _take_contexts(event, given.pop("contexts", None))
    fingerprint = given.pop("fingerprint", None)
    if type(fingerprint) is list:
        event.fingerprint = [text(part) for part in fingerprint]
    information = given.pop("transaction_info", None)
    if type(information) is dict and type(information.get("source")) is str:
        event.transaction_source = information["source"]
    for name in ("message", "logger", "transaction", "release", "environment", "dist", "server_name"):
        value = given.pop(name, None)
        if name == "message" and type(value) is dict:
            event.logentry = _log_entry(value)
        elif value is not None:
            setattr(event, name, text(value))
    for name in ("logentry", "user", "request", "sdk"):
        value = given.pop(name, None)
        if type(value) is dict:
            setattr(event, name, _log_entry(value) if name == "logentry" else value)
    event.other = given
    return event


def _members(error: BaseException) -> Iterator[tuple[BaseException, int | None, str]]:
    """Depth first: a member, the number of the one it belongs to, and how. Numbers are positions in this order."""
    waiting: list[tuple[BaseException, int | None, str]] = [(error, None, "")]
    seen = {id(error)}
    number = 0
    while waiting and number < COUNTED_MEMBERS:
        member, parent, source = waiting.pop()
        yield member, parent, source
        following = [
            (one, f"exceptions[{position}]")
            for position, one in enumerate(islice(_group_members(member), COUNTED_MEMBERS))
        ]
        following.reverse()
        if _suppresses(member):
            following.append((_cause_of(member), "__cause__"))
        else:
            following.append((_context_of(member), "__context__"))
        for one, how in following:
            if one is not None and id(one) not in seen:
                seen.add(id(one))
                waiting.append((one, number, how))
        number += 1


def _group_members(error: BaseException) -> tuple[BaseException, ...]:
    """The members of an exception group, of Python's own kind or of a back-port."""
    if not any(str.__str__(_name_of(base)) == "BaseExceptionGroup" for base in _lineage_of(type(error))):
        return ()
    if _members_of is not None and issubclass(type(error), _GROUP):
        members = _members_of(error)
    else:
        members = _asked("exception group", (), getattr, error, "exceptions", ())
    if not issubclass(type(members), (tuple, list)):
        return ()
    return tuple(one for one in members if issubclass(type(one), BaseException))


def _value(error: BaseException, reader: FrameReader, mechanism: dict[str, Any]) -> dict[str, Any]:
    kind = type(error)
    name = str.__str__(_name_of(kind))
    if issubclass(kind, OSError):
        number = _number_of(error)
        if type(number) is int and type(plain(number)) is int:
            mechanism["meta"] = {"errno": {"number": number}}
    value: dict[str, Any] = {"type": name, "value": _message(error), "mechanism": mechanism}
    module = type_name(kind)[: -len(name) - 1]
    if module:
        value["module"] = module
    frames = reader.from_traceback(traceback_of(error))
    if issubclass(kind, SyntaxError):
        frames += _faulty_line(error)
    if frames:
        value["stacktrace"] = {"frames": frames}
    return value


def _message(error: BaseException) -> str:
    held = _dict_of(error)
    for name in ("message", "detail"):
        said = held.get(name)
        if type(said) is str and said:
            break
    else:
        said = _said(error)
    notes = held.get("__notes__")
    if type(notes) is list or type(notes) is tuple:
        said = "\n".join([said, *(text(note) for note in notes[:100])])
    return text(said)


def _said(error: BaseException) -> str:
    """What `str(error)` says, without calling code of the program where that can be avoided."""
    kind = type(error)
    own = next(_namespace_of(base)["__str__"] for base in _lineage_of(kind) if "__str__" in _namespace_of(base))
    args = _args_of(error)
    asked = args[:1] if _group_members(error) else args
    longest = sys.maxsize if issubclass(kind, UnicodeError) else STRING_BYTES
    if type(own) is WrapperDescriptorType and not all(_is_cheap(arg, longest) for arg in asked):
        shown = Walk(nodes=200, room=STRING_BYTES).plain(args[0] if len(args) == 1 else args)
        return repr(tuple(shown)) if type(shown) is list and len(args) > 1 else text(shown)
    if type(own) is WrapperDescriptorType and not all(_is_cheap(held, longest) for held in _said_slots(error)):
        number, *rest = map(text, _said_slots(error))
        return text(": ".join([f"[Errno {number}] {rest[0]}", *map(repr, rest[1:])] if rest else [number]))
    unprintable = f"<unprintable {str.__str__(_name_of(kind))} object>"
    said: str = _asked("text of an exception", unprintable, str, error)
    return said


def _said_slots(error: BaseException) -> list[Any]:
    """What C code makes the text of an exception of besides its `args`; a program may have put anything there."""
    found = next((names for kind, names in _SAID.items() if issubclass(type(error), kind)), ())
    lineage = _lineage_of(type(error))
    held = [next(vars(base)[name] for base in lineage if name in _namespace_of(base)).__get__(error) for name in found]
    return [one for one in held if one is not None]


def _asked(kind: str, default: Any, function: Callable[..., Any], *args: Any) -> Any:
    """What code of the program answers that may do anything, also try to end the program."""
    try:
        return _guard.foreign(kind, default, function, *args)
    except (SystemExit, GeneratorExit, RecursionError):
        return default


def _thread_name() -> str:
    return text(_name_of_thread(threading.current_thread()))


def _is_cheap(arg: Any, longest: int) -> bool:
    """Whether C code turns it into text in no time and without code of the program."""
    kind = type(arg)
    if kind is tuple:
        return len(arg) <= 10 and all(type(one) is not tuple and _is_cheap(one, longest) for one in arg)
    if id(kind) not in _SCALARS:
        return False
    if kind is int:
        return bool(arg.bit_length() <= SAYABLE_BITS)
    return (kind is not str and kind is not bytes) or len(arg) <= longest


def _faulty_line(error: BaseException) -> list[dict[str, Any]]:
    """The line that does not parse, as the newest frame."""
    name, line, source = (vars(SyntaxError)[slot].__get__(error) for slot in ("filename", "lineno", "text"))
    if type(name) is not str or type(line) is not int:
        return []
    frame = {"filename": name.replace("\\", "/").rpartition("/")[2], "abs_path": name, "function": "<module>"}
    shown: dict[str, Any] = {**frame, "lineno": min(max(line, 1), LAST_LINE), "in_app": True}
    if type(source) is str:
        shown["context_line"] = text(source.rstrip("\r\n"))
    return [shown]


def _entries(mapping: Any) -> list[tuple[str, Any]]:
    if not issubclass(type(mapping), dict):
        return [("message", text(mapping))]
    return [(text(key), value) for key, value in list(dict.items(mapping))[:100]]


def _values(given: Any) -> list[dict[str, Any]]:
    if type(given) is dict:
        given = given.get("values", [given])
    return [one for one in given if type(one) is dict] if type(given) is list else []


def _named(value: dict[str, Any]) -> dict[str, Any]:
    """An exception value of the user's; the server has none without a type and a text."""
    return value if value.get("type") or value.get("value") else {"type": "Exception", **value}


def _log_entry(given: dict[str, Any]) -> dict[str, Any]:
    """A logged message of the user's; the server has none without any text."""
    if type(given.get("message")) is str or type(given.get("formatted")) is str:
        return given
    return {"formatted": text(given)}


def _pairs(given: Any) -> list[tuple[str, Any]]:
    if type(given) is dict:
        return list(given.items())
    if type(given) is not list:
        return []
    return [(text(pair[0]), pair[1]) for pair in given if type(pair) is list and len(pair) == 2]


def _take_contexts(event: ErrorEvent, given: Any) -> None:
    event.contexts = {name: value for name, value in _pairs(given) if type(value) is dict}
    trace = event.contexts.pop("trace", {})
    trace_id, span_id, parent = (trace.get(name) for name in ("trace_id", "span_id", "parent_span_id"))
    if type(trace_id) is str and type(span_id) is str and _TRACE_ID.fullmatch(trace_id) and _SPAN_ID.fullmatch(span_id):
        event.trace_id, event.span_id = trace_id, span_id
        event.parent_span_id = parent if type(parent) is str and _SPAN_ID.fullmatch(parent) else None


def _level(given: Any, otherwise: str) -> str:
    return given if type(given) is str and given in _LEVELS else otherwise
