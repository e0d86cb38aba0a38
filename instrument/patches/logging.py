"""logging: records know their trace, leave breadcrumbs, and those of errors become error events.

Every record that reaches the handlers has the attributes `trace_id` and `span_id`, for `%(trace_id)s` in a format.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..recording import HUB, LogEntry, SuppressBlock, capture_error, capture_text, here, is_suppressed, plain, text
from .patch import Around, LibraryPatch

__all__ = ["Logging"]

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    *("asctime", "message", "stack_info", "taskName", "trace_id", "span_id"),
}
"""Attributes that a record has of itself; others came with `extra`."""
_EXACT: Final = frozenset({str, int, float, bool, type(None)})
_OURS: Final = __name__.partition(".")[0]
_NOBODY: Final = ("0" * 32, "0" * 16)


class Logging(LibraryPatch):
    """Records of `logging` that pass the level of their logger.

    `level`: records from there on leave a breadcrumb; `event_level`: those from there on are sent as an event. `None`
    switches either off. `ignore`: names of loggers that leave neither, with those below them.
    """

    name = "logging"
    is_light = True

    def __init__(
        self, *, level: int | None = logging.INFO, event_level: int | None = logging.ERROR, ignore: Iterable[str] = ()
    ) -> None:
        super().__init__()
        self.level = level
        self.event_level = event_level
        self._ignored = (_OURS, *ignore)
        self._verdicts: dict[str, bool] = {}

    def hooks(self) -> Iterable[Around]:
        """Where a record is on its way to the handlers."""
        return (Around("Logger.callHandlers", self._told),)

    def _told(self, logger: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        record = args[0] if args else kwargs["record"]
        record.trace_id, record.span_id = _place()
        number = record.levelno
        crumbs = self.level is not None and number >= self.level
        sends = self.event_level is not None and number >= self.event_level
        if not (crumbs or sends) or not HUB.is_recording or is_suppressed() or self._is_ignored(record.name):
            return
        level = _level(number)
        formatted, params = _formatted(record)
        if sends:
            _send(record, level, formatted, params)
        if crumbs:
            _leave_crumb(record, level, formatted)

    def _is_ignored(self, name: str) -> bool:
        verdict = self._verdicts.get(name)
        if verdict is None:
            verdict = any(name == one or name.startswith(one + ".") for one in self._ignored)
            if len(self._verdicts) < 1000:
                self._verdicts[name] = verdict
        return verdict


def _place() -> tuple[str, str]:
    """The ids of the span that is current; without one, those of the scope's own trace."""
    if not HUB.is_recording:
        return _NOBODY
    span = here()
    if span is not None and span.trace_id:
        return span.trace_id, span.span_id
    scope = HUB.scope
    return scope.trace.id, scope.span_id


def _level(number: int) -> str:
    if number >= logging.CRITICAL:
        return "fatal"
    if number >= logging.ERROR:
        return "error"
    return "warning" if number >= logging.WARNING else "info" if number >= logging.INFO else "debug"


def _formatted(record: Any) -> tuple[str, Any]:
    """The message with its parameters, and these as plain data. No code of the program is called for it."""
    template = text(record.msg)
    args = record.args
    if not args:
        return template, None
    shown: Any
    if isinstance(args, Mapping):
        held = plain(args)
        params: Any = held if type(held) is dict else {}
        shown = {name: value if type(value) in _EXACT else text(value) for name, value in params.items()}
    else:
        params = [value if type(value) in _EXACT else plain(value) for value in args[:100]]
        shown = tuple(value if type(value) in _EXACT else text(value) for value in params)
    try:
        return text(template % shown), params
    except (TypeError, ValueError, KeyError, OverflowError, MemoryError):
        return template, params


def _send(record: Any, level: str, formatted: str, params: Any) -> None:
    extra = {name: plain(value) for name, value in vars(record).items() if name not in _OWN}
    entry = LogEntry(record.name, text(record.msg), params, formatted, extra)
    raised = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if isinstance(raised, BaseException):
        capture_error(raised, mechanism="logging", level=level, once=True, entry=entry)
    else:
        capture_text(formatted, level, entry=entry)


def _leave_crumb(record: Any, level: str, formatted: str) -> None:
    crumb = {
        "timestamp": record.created,
        "type": "error" if level in ("error", "fatal") else "default",
        "category": record.name,
        "level": level,
        "message": formatted,
    }
    scope = HUB.scope
    if HUB.options.before_breadcrumb is None:
        scope.breadcrumbs.append(crumb)  # it is plain data already
        return
    # What the hook logs must not come back to it.
    with SuppressBlock():
        scope.add_breadcrumb(crumb)
