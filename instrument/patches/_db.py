"""The shape that all databases share: a statement is executed, succeeds or fails, and its rows are read.

An adapter says how to read a statement and a count; everything else is decided here. Parameters are never recorded. The
text is, as the program wrote it: literals become `?` when the transaction is handed over, as for any span of op "db".
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sized
from types import FrameType
from typing import Any, Final

from .. import _clock, _guard
from ..recording import HUB, NoopSpan, NoopTransaction, Span, here, start_span, text

__all__ = ["AFFECTED", "RETURNED", "Claim", "Query", "batch_size", "claim", "count", "is_claimed"]

AFFECTED: Final = "db.rows_affected"
RETURNED: Final = "db.rows_returned"
UNKNOWN: Final = "<unknown SQL query>"
SLOW_NS: Final = 100_000_000
"""From here on the line of the program that asked is worth looking for."""

_PACKAGE: Final = __name__.partition(".")[0]


class Query:
    """A statement from the moment it is given to the database until that has executed it or refused to."""

    __slots__ = ("_description", "_is_done", "span")

    span: Span | None
    """`None` in a transaction that is not sampled, where a statement leaves a breadcrumb alone."""
    _description: str
    _is_done: bool

    @classmethod
    def begin(cls, facts: dict[str, Any], statement: Any) -> Query | None:
        """Start the span of a statement, whose data `facts` become.

        `None` where nothing is recorded: before `init`, suppressed, outside a transaction.
        """
        current = here()
        if current is None or not HUB.is_recording or (isinstance(current, NoopSpan) and current.suppresses):
            return None
        description = text(statement) if isinstance(statement, str) and statement else UNKNOWN
        query = cls()
        query._is_done = False
        query._description = description
        query.span = None
        if not isinstance(current, (NoopTransaction, NoopSpan)):
            span = query.span = start_span(Span, current, "db", description)
            span.data = facts
        return query

    def succeeded(self) -> dict[str, Any] | None:
        """It has been executed. Returns where to count the rows that are read from now on, if anybody is to know."""
        self._is_done = True
        span = self.span
        facts = None
        if span is not None:
            facts = span.data
            span.status = "ok"
            span.finish()
            self._note_source(span)
        self._leave_crumb("info")
        return facts

    def failed(self, error: BaseException | None) -> None:
        """It was refused, or given up."""
        self._is_done = True
        span = self.span
        if span is not None:
            span.status = "internal_error"
            span.__exit__(None if error is None else type(error), error, None)
            self._note_source(span)
        self._leave_crumb("error")

    def _note_source(self, span: Span) -> None:
        if span.end_ticks is None or span.end_ticks - span.start_ticks < SLOW_NS or span.data is None:
            return
        frame = _programs_frame()
        if frame is not None:
            code = frame.f_code
            span.data["code.filepath"] = code.co_filename
            span.data["code.lineno"] = frame.f_lineno
            span.data["code.function"] = code.co_name

    def _leave_crumb(self, level: str) -> None:
        crumb = {
            "timestamp": _clock.wall() / 1e9,
            "type": "query",
            "category": "query",
            "level": level,
            "message": self._description,
        }
        if HUB.options.before_breadcrumb is None:
            HUB.scope.breadcrumbs.append(crumb)  # it is plain data already
        else:
            HUB.scope.add_breadcrumb(crumb)

    def __del__(self, is_over: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_over() and not self._is_done and self.span is not None:
            _guard.guarded("dropped query", None, self.span.finish, "internal_error")


class Claim:
    """What a library sets on a driver's connections whose statements it records itself, so that none is told twice.

    It holds as long as that library's patch is on. `whole`: the driver's commits and rollbacks are not recorded either.
    """

    __slots__ = ("_patch", "whole")

    def __init__(self, patch: Any, *, whole: bool) -> None:
        self._patch = patch
        self.whole = whole

    @property
    def holds(self) -> bool:
        """Whether the library still records."""
        return bool(self._patch.is_on)


def claim(connection: Any, by: Claim) -> None:
    """Say to the driver's patch, if it has one, who records what this connection executes."""
    if hasattr(type(connection), "_instrument_claim"):
        connection._instrument_claim = by


def is_claimed(connection: Any, *, whole: bool = False) -> bool:
    """Whether somebody else records the statements of a connection, or with `whole` its commits too."""
    by: Claim | None = getattr(connection, "_instrument_claim", None)
    return by is not None and by.holds and (by.whole or not whole)


def batch_size(parameters: Any) -> int | None:
    """How many sets of parameters there are, where that can be told without consuming them."""
    return len(parameters) if isinstance(parameters, Sized) else None


def count(facts: dict[str, Any] | None, key: str, number: int) -> None:
    """Add to what is counted of a statement. It may have been handed over: what comes later is not told."""
    if facts is not None and number > 0:
        facts[key] = facts.get(key, 0) + number


def _programs_frame() -> FrameType | None:
    """The nearest frame of the program's own code; failing that, of code that is nobody's known library."""
    rules = HUB.frame_rules
    nearest = None
    for frame in _frames():
        module = frame.f_globals.get("__name__")
        name = module if isinstance(module, str) else ""
        if name.partition(".")[0] in (_PACKAGE, "wrapt"):
            continue
        verdict = rules.in_app(name, frame.f_code.co_filename)
        if verdict:
            return frame
        if verdict is None and nearest is None:
            nearest = frame
    return nearest


def _frames() -> Iterator[FrameType]:
    """The frames that led here, and those of the greenlet that waits for this one, innermost first."""
    frame: FrameType | None = sys._getframe(1)
    greenlet: Any = sys.modules["greenlet"].getcurrent() if "greenlet" in sys.modules else None
    while True:
        while frame is not None:
            yield frame
            frame = frame.f_back
        greenlet = getattr(greenlet, "parent", None)
        if greenlet is None:
            return
        frame = greenlet.gr_frame
