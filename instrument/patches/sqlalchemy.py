"""SQLAlchemy: one span for each statement, over any driver, sync or async, by the events of its engines.

The connections of a driver that has a patch of its own are claimed, so that a statement is recorded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .. import _guard
from ._db import AFFECTED, RETURNED, Claim, Query, batch_size, claim, count
from .patch import MOST_FAULTS, LibraryPatch

__all__ = ["SqlAlchemy"]

OLDEST: Final = (1, 4)
_PENDING: Final = "_instrument_query"


class SqlAlchemy(LibraryPatch):
    """Statements of every engine of the process, those that exist already as well."""

    name = "sqlalchemy"
    distribution = "SQLAlchemy"

    def __init__(self) -> None:
        super().__init__()
        self.is_on = False
        self._listeners: list[tuple[Any, str, Callable[..., None]]] = []
        self._claims = (Claim(self, whole=False), Claim(self, whole=True))

    def install(self) -> None:
        """Listen. Raises `ValueError` when this is no SQLAlchemy that has these events."""
        if self.is_on:
            return
        self.why_off, self.faults = "", 0
        try:
            if not self._listeners:
                self._listen()
        except (AttributeError, ImportError) as error:
            self.uninstall()
            raise ValueError(f"it is not what the patch is made for: {error}") from error
        self.is_on = True

    def uninstall(self) -> None:
        """Listen no more. After too many faults the listeners stay and do nothing: one of them is being called."""
        self.is_on = False
        if self._listeners and self.faults < MOST_FAULTS:
            from sqlalchemy import event

            while self._listeners:
                event.remove(*self._listeners.pop())

    def _listen(self) -> None:
        import sqlalchemy
        from sqlalchemy import event
        from sqlalchemy.engine import Engine
        from sqlalchemy.pool import Pool

        if _version(sqlalchemy.__version__) < OLDEST:
            raise ImportError(f"version {sqlalchemy.__version__} is older than {'.'.join(map(str, OLDEST))}")
        for target, name, tell in (
            (Engine, "before_cursor_execute", self._before),
            (Engine, "after_cursor_execute", self._after),
            (Engine, "handle_error", self._failed),
            (Pool, "connect", self._connected),
            (Pool, "checkout", self._checked_out),
        ):
            told = self._told(tell)
            event.listen(target, name, told)
            self._listeners.append((target, name, told))

    def _told(self, tell: Callable[..., None]) -> Callable[..., None]:
        def listen(*given: Any) -> None:
            if self.is_on:
                self.calls += 1
                if _guard.guarded(self.name, _FAULT, tell, *given) is _FAULT:
                    self._count_fault()

        return listen

    def _before(self, connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: bool) -> None:
        dialect = connection.dialect
        facts = {"sentry.origin": "auto.db.sqlalchemy", "db.system": dialect.name}
        url = connection.engine.url
        for key, value in (
            ("db.name", url.database),
            ("server.address", url.host),
            ("server.port", url.port),
            ("db.driver.name", dialect.driver),
        ):
            if value:
                facts[key] = value
        if many:
            facts["db.executemany"] = True
            size = batch_size(parameters)
            if size is not None:
                facts["db.batch_size"] = size
        query = Query.begin(facts, statement)
        if query is not None:
            setattr(connection if context is None else context, _PENDING, query)

    def _after(self, connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: bool) -> None:
        query = _taken(connection if context is None else context)
        if query is not None:
            facts = query.succeeded()
            if facts is not None:
                changed = cursor.description is None
                count(facts, AFFECTED if changed else RETURNED, _rows(cursor))

    def _failed(self, context: Any) -> None:
        for holder in (context.execution_context, context.connection):
            query = _taken(holder)
            if query is not None:
                query.failed(context.sqlalchemy_exception or context.original_exception)

    def _connected(self, connection: Any, record: Any) -> None:
        inner = getattr(connection, "driver_connection", None)
        if inner is None:
            claim(connection, self._claims[0])
        else:
            # aiosqlite's works in a thread, whose context is that of whoever opened the connection.
            claim(getattr(inner, "_conn", inner), self._claims[1])

    def _checked_out(self, connection: Any, record: Any, proxy: Any) -> None:
        self._connected(connection, record)


_FAULT: Final = object()


def _taken(holder: Any) -> Query | None:
    """The query that is under way there, which it is no longer."""
    query: Query | None = getattr(holder, "__dict__", {}).pop(_PENDING, None)
    return query


def _rows(cursor: Any) -> int:
    number = getattr(cursor, "rowcount", None)
    return number if isinstance(number, int) else -1


def _version(written: str) -> tuple[int, ...]:
    return tuple(int(part) for part in written.split(".")[:2] if part.isdigit())
