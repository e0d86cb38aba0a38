"""sqlite3: one span for each statement, commit and rollback.

Its types are C types that cannot be changed, so `connect` makes connections of a subclass, which make cursors of one.
A connection factory of the program's is left alone: it makes what it makes, and that is not recorded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final
from weakref import WeakKeyDictionary

from .. import _guard
from .._clock import ticks
from ..recording import here
from ._db import AFFECTED, RETURNED, Query, batch_size, count, is_claimed
from .patch import LibraryPatch, Rewrite

__all__ = ["Sqlite3"]

FETCH_SECONDS: Final = "db.fetch_seconds"
_PLACE: Final = 5
"""Of `factory` among the positional arguments of `connect`."""
_OURS: Final = __name__.partition(".")[0]
_OWN_STORE: Final = (f"{_OURS}.store", f"{_OURS}.viewer", f"{_OURS}.export", f"{_OURS}.cli")

_Method = Callable[..., Any]


class Sqlite3(LibraryPatch):
    """Statements of `sqlite3`: their text without values, how many rows they changed, and how many were read."""

    name = "sqlite3"
    is_light = True

    def __init__(self) -> None:
        super().__init__()
        self.is_on = False
        self.usual_cursor: type | None = None
        self._connection: Any = None
        self._cursors: WeakKeyDictionary[type, type] = WeakKeyDictionary()

    def install(self) -> None:
        """Wrap both names of `connect`."""
        super().install()
        self.is_on = True

    def uninstall(self) -> None:
        """Put the originals back; connections that were made meanwhile record nothing any more."""
        self.is_on = False
        super().uninstall()

    def hooks(self) -> Iterable[Rewrite]:
        """Both names of the way to a connection."""
        import sqlite3

        if self._connection is None:
            self._connection = _connection_kind(sqlite3.Connection, self)
            self.usual_cursor = _cursor_kind(sqlite3.Cursor, self)
        return (Rewrite("connect", self._with_factory), Rewrite("dbapi2.connect", self._with_factory))

    def cursor_kind(self, given: Any) -> type | None:
        """The class that makes recorded cursors in place of `given`; `None` where that is no plain class of cursors."""
        import sqlite3

        if type(given) is not type or not issubclass(given, sqlite3.Cursor):
            return None
        made = self._cursors.get(given)
        if made is None and not _hears_of_subclasses(given):
            made = self._cursors[given] = _cursor_kind(given, self)
        return made

    def _with_factory(
        self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        import sqlite3

        given = args[_PLACE] if len(args) > _PLACE else kwargs.get("factory", sqlite3.Connection)
        if given is not sqlite3.Connection or _is_our_own_work():
            return None
        if len(args) > _PLACE:
            return (*args[:_PLACE], self._connection, *args[_PLACE + 1 :]), kwargs
        return args, {**kwargs, "factory": self._connection}

    def recorded(self, make: _Method, owner: Any, finish: _Method, call: _Method, args: Any, kwargs: Any) -> Any:
        """Call `call` as the query that `make(owner, args)` begins, and then `finish(owner, query)`."""
        self.calls += 1
        query: Query | None = self.guarded(make, owner, args)
        if query is None:
            return call(owner, *args, **kwargs)
        try:
            result = call(owner, *args, **kwargs)
        except BaseException as error:
            self.guarded(query.failed, error)
            raise
        self.guarded(finish, owner, query)
        return result

    def guarded(self, function: _Method, *args: Any) -> Any:
        """Call a function of ours; `None` when it fails, which is counted."""
        result = _guard.guarded(self.name, _FAULT, function, *args)
        if result is _FAULT:
            self._count_fault()
            return None
        return result


_FAULT: Final = object()


def _cursor_kind(base: Any, patch: Sqlite3) -> type:
    """A subclass of `base` whose statements are recorded and whose rows are counted.

    `_instrument_facts` is the data of the span of its last statement, as long as rows of it are read.
    """

    def start(self: Any, *args: Any, **kwargs: Any) -> None:
        self._instrument_facts = None
        base.__init__(self, *args, **kwargs)

    def statement(name: str, make: _Method) -> _Method:
        plain = getattr(base, name)

        def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
            self._instrument_facts = None
            if here() is None or not patch.is_on:
                return plain(self, *args, **kwargs)
            return patch.recorded(make, self, _executed, plain, args, kwargs)

        return _named(execute, plain)

    return type(
        base.__name__,
        (base,),
        {
            "__slots__": ("_instrument_facts",),
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "__doc__": base.__doc__,
            "__init__": _named(start, base.__init__),
            "execute": statement("execute", _begin_one),
            "executemany": statement("executemany", _begin_many),
            "executescript": statement("executescript", _begin_one),
            "__next__": _counting_one(base.__next__),
            "fetchone": _counting_one(base.fetchone),
            "fetchmany": _counting_many(base.fetchmany, patch),
            "fetchall": _counting_many(base.fetchall, patch),
        },
    )


def _counting_one(plain: _Method) -> _Method:
    def read(self: Any) -> Any:
        row = plain(self)
        facts = self._instrument_facts
        if facts is not None and row is not None:
            facts[RETURNED] += 1
        return row

    return _named(read, plain)


def _counting_many(plain: _Method, patch: Sqlite3) -> _Method:
    def read(self: Any, *args: Any, **kwargs: Any) -> Any:
        facts = self._instrument_facts
        if facts is None:
            return plain(self, *args, **kwargs)
        # A fetch of the program's own may read row by row with our methods: then only this one counts.
        self._instrument_facts = None
        begun = ticks()
        try:
            rows = plain(self, *args, **kwargs)
        finally:
            self._instrument_facts = facts
        patch.guarded(_fetched, facts, rows, begun)
        return rows

    return _named(read, plain)


def _connection_kind(base: Any, patch: Sqlite3) -> type:
    """A subclass of `base` that makes recorded cursors, and whose commits and rollbacks are recorded."""

    def start(self: Any, *args: Any, **kwargs: Any) -> None:
        # In this order: a second call of it empties the slots.
        base.__init__(self, *args, **kwargs)
        self._instrument_name = patch.guarded(_name_of, args[0] if args else kwargs.get("database")) or ""

    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not patch.is_on or is_claimed(self):
            return base.cursor(self, *args, **kwargs)
        if not args and not kwargs:
            return base.cursor(self, patch.usual_cursor)
        given = args[0] if args else kwargs.get("factory")
        kind = patch.guarded(patch.cursor_kind, given) if len(args) + len(kwargs) == 1 else None
        return base.cursor(self, *args, **kwargs) if kind is None else base.cursor(self, kind)

    def statement(name: str) -> _Method:
        plain = getattr(base, name)

        def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
            if here() is None or not patch.is_on:
                return plain(self, *args, **kwargs)
            return getattr(self.cursor(), name)(*args, **kwargs)

        return _named(execute, plain)

    def ending(name: str) -> _Method:
        plain = getattr(base, name)

        def end(self: Any, *args: Any) -> Any:
            if here() is None or not patch.is_on or is_claimed(self, whole=True):
                return plain(self, *args)
            word = "ROLLBACK" if name == "rollback" or (args and args[0] is not None) else "COMMIT"
            return patch.recorded(_Ending(word), self, _ended, plain, args, {})

        return _named(end, plain)

    return type(
        base.__name__,
        (base,),
        {
            "__slots__": ("_instrument_claim", "_instrument_name"),
            "__module__": "sqlite3",
            "__qualname__": base.__qualname__,
            "__doc__": base.__doc__,
            "__init__": _named(start, base.__init__),
            "cursor": _named(cursor, base.cursor),
            **{name: statement(name) for name in ("execute", "executemany", "executescript")},
            **{name: ending(name) for name in ("commit", "rollback", "__exit__")},
        },
    )


def _facts(connection: Any) -> dict[str, Any]:
    facts = {"sentry.origin": "auto.db.sqlite3", "db.system": "sqlite"}
    name = getattr(connection, "_instrument_name", "")
    if name:
        facts["db.name"] = name
    return facts


def _begin_one(cursor: Any, args: tuple[Any, ...]) -> Query | None:
    return Query.begin(_facts(cursor.connection), args[0] if args else None)


def _begin_many(cursor: Any, args: tuple[Any, ...]) -> Query | None:
    facts = _facts(cursor.connection)
    facts["db.executemany"] = True
    size = batch_size(args[1]) if len(args) > 1 else None
    if size is not None:
        facts["db.batch_size"] = size
    return Query.begin(facts, args[0] if args else None)


def _executed(cursor: Any, query: Query) -> None:
    facts = query.succeeded()
    if cursor.description is not None:
        if facts is not None:
            facts.setdefault(RETURNED, 0)
        cursor._instrument_facts = facts
    count(facts, AFFECTED, cursor.rowcount)


def _fetched(facts: dict[str, Any], rows: Any, begun: int) -> None:
    facts[RETURNED] += len(rows)
    facts[FETCH_SECONDS] = facts.get(FETCH_SECONDS, 0.0) + (ticks() - begun) / 1e9


class _Ending:
    """Begins the span of a commit or a rollback; there is none where no transaction is open."""

    def __init__(self, word: str) -> None:
        self._word = word

    def __call__(self, connection: Any, args: tuple[Any, ...]) -> Query | None:
        try:
            if not connection.in_transaction:
                return None
        except sys.modules["sqlite3"].Error:
            return None  # It is closed.
        return Query.begin({**_facts(connection), "db.operation": self._word}, self._word)


def _ended(connection: Any, query: Query) -> None:
    query.succeeded()


def _name_of(database: Any) -> str:
    """The database's file as the program names it; of a URI what stands before its parameters."""
    name = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else ""
    return name.partition("?")[0] if name.startswith("file:") else name


def _named(function: _Method, original: Any) -> _Method:
    function.__name__ = original.__name__
    function.__qualname__ = original.__qualname__
    function.__doc__ = original.__doc__
    return function


def _hears_of_subclasses(kind: type) -> bool:
    """Whether making a subclass runs code of the program's, or cannot be done."""
    return any("__init_subclass__" in vars(base) for base in kind.__mro__[:-1])


def _is_our_own_work() -> bool:
    """Whether the connection is for the store of traces."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if not module.startswith((f"{_OURS}.patches.", f"{_OURS}._guard", "wrapt")):
            return module.startswith(_OWN_STORE)
        frame = frame.f_back
    return False
