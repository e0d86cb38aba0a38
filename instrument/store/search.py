"""Finding traces by what their spans are: SQLite answers what the columns can say, the rest is looked at one by one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from functools import cached_property
from typing import Final

import attrs
from msgspec import DecodeError, ValidationError

from .events import SpanFields, read_event, read_spans, seconds

__all__ = ["Query", "matching"]

PLAIN: Final = re.compile(r"[A-Za-z0-9 _.:,;=()-]+")

Found = tuple[int, str, float, float]
"""number, trace_id, start, finish."""


@attrs.frozen(slots=False)
class Query:
    """What is looked for. The first four are asked of one and the same span."""

    op: str | None = None
    name: str | None = None
    status: str | None = None
    min_duration: float | None = None
    since: float | None = None
    errors: bool = False

    def conditions(self) -> tuple[str, list[object]]:
        """As much of it as SQLite can answer from the table of traces: a WHERE clause and its values."""
        clauses: list[tuple[str, object]] = []
        if self.op is not None:
            clauses.append(("instr(t.kinds, ?) > 0", f"\n{self.op}\n"))
        if self.status is not None:
            clauses.append(("instr(t.kinds, ?) > 0", f"\n={self.status}\n"))
        if self.min_duration is not None:
            clauses.append(("t.slowest >= ?", self.min_duration))
        if self.since is not None:
            clauses.append(("t.start >= ?", self.since))
        literal = self._literal()
        if literal:
            # Nearly what is asked, at a tenth of the cost of decoding every payload.
            like = "EXISTS (SELECT 1 FROM transactions WHERE trace = t.id AND event LIKE ? ESCAPE '\\')"
            clauses.append((like, f"%{literal}%"))
        if self.errors:
            clauses.append(("EXISTS (SELECT 1 FROM errors e WHERE e.trace = t.id AND ?)", 1))
        where = " AND ".join(clause for clause, _ in clauses)
        return (f"WHERE {where}" if where else ""), [value for _, value in clauses]

    @property
    def must_look(self) -> bool:
        """Whether spans must be looked at: the table of traces answers one question about them, not two at once."""
        asked = (self.op, self.status, self.min_duration)
        return self.name is not None or sum(value is not None for value in asked) > 1

    def fits(self, op: str | None, name: str | None, status: str | None, duration: float) -> bool:
        """Whether a span is what is looked for."""
        return (
            (self.op is None or self.op == op)
            and (self.status is None or self.status == status)
            and (self.min_duration is None or duration >= self.min_duration)
            and (self.name is None or self._pattern.search(name or "") is not None)
        )

    def _literal(self) -> str:
        """The longest piece of the name that JSON text holds letter by letter, fit for LIKE."""
        pieces = PLAIN.findall(self.name or "")
        return max(pieces, key=len, default="").replace("_", "\\_")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = {"*": ".*?", "?": "."}
        text = "".join(parts.get(character) or re.escape(character) for character in self.name or "")
        return re.compile(text, re.IGNORECASE | re.DOTALL)


def matching(connection: sqlite3.Connection, query: Query, limit: int) -> Iterator[Found]:
    """The traces that fit, the one that started last first."""
    where, values = query.conditions()
    rows = connection.execute(
        f"SELECT id, trace_id, start, finish FROM traces t {where} ORDER BY start DESC, id DESC", values
    )
    for row in rows:
        if limit <= 0:
            return
        if not query.must_look or _has_fitting_span(connection, query, row[0]):
            limit -= 1
            yield row


def _has_fitting_span(connection: sqlite3.Connection, query: Query, trace: int) -> bool:
    roots = connection.execute(
        "SELECT op, name, status, duration, id FROM transactions WHERE trace = ?", (trace,)
    ).fetchall()
    if any(query.fits(*root) for *root, _ in roots):
        return True
    for *_, number in roots:
        (event,) = connection.execute("SELECT event FROM transactions WHERE id = ?", (number,)).fetchone()
        for span in _spans(event):
            duration = seconds(span.timestamp) - seconds(span.start_timestamp)
            if query.fits(span.op, span.description, span.status, duration):
                return True
    return False


def _spans(event: str) -> list[SpanFields]:
    try:
        return read_spans(read_event(event).spans)
    except (DecodeError, ValidationError):
        return []
