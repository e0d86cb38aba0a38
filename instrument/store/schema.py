"""How the store is laid out, and how an older file becomes a newer one.

Everything about a trace hangs on its number, not on its id: numbers grow, so a batch touches few pages at the end of
each table, and the oldest traces leave whole pages behind when they go. Ids are random, so an index of them is touched
all over; it is kept as small as can be. Spans stay in the JSON of their transaction: a row for each would double the
cost of a batch. Times are Unix seconds, durations are seconds.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from .failures import StoreFailed

__all__ = ["FILE_NAME", "KEY_LENGTH", "PAGE_SIZE", "VERSION", "check_readable", "migrate"]

FILE_NAME: Final = "traces.db"
"""The name of the file in the folder that all programs of a user share."""

APPLICATION: Final = 0x494E5354
"""Says in the file's header that it is ours."""

KEY_LENGTH: Final = 7
"""Characters of a trace id that its key is made of."""

PAGE_SIZE: Final = 8192
"""Bytes. A transaction of a few spans takes 2,000, so smaller pages would hold one each and cost more to write."""

FIRST: Final = f"""
PRAGMA application_id = {APPLICATION};

CREATE TABLE traces (
    id INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL,
    key INTEGER NOT NULL, -- the number that the first 7 characters of trace_id are
    start REAL NOT NULL,
    finish REAL NOT NULL,
    slowest REAL NOT NULL, -- the duration of its longest span
    kinds TEXT NOT NULL -- the ops of its spans, and the statuses with = before them: each once, between line feeds
);
CREATE INDEX traces_by_key ON traces (key);
CREATE INDEX traces_by_start ON traces (start);

CREATE TABLE transactions (
    id INTEGER PRIMARY KEY,
    trace INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_span_id TEXT,
    name TEXT,
    op TEXT,
    status TEXT,
    start REAL NOT NULL,
    duration REAL NOT NULL,
    spans INTEGER NOT NULL, -- how many came with it, its root span included
    process TEXT, -- its service, else its machine
    pid INTEGER,
    event TEXT NOT NULL, -- as it came
    UNIQUE (trace, event_id)
);

CREATE TABLE errors (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    trace INTEGER NOT NULL,
    span_id TEXT,
    time REAL NOT NULL,
    level TEXT,
    title TEXT NOT NULL,
    size INTEGER NOT NULL, -- bytes that it takes up in the file, nearly
    event TEXT NOT NULL -- as it came
);
CREATE INDEX errors_by_trace ON errors (trace, size);

CREATE VIEW spans AS -- for whoever asks with SQL; the root spans are the transactions
SELECT
    traces.trace_id AS trace_id,
    transactions.process AS process,
    json_extract(span.value, '$.span_id') AS span_id,
    json_extract(span.value, '$.parent_span_id') AS parent_span_id,
    json_extract(span.value, '$.op') AS op,
    json_extract(span.value, '$.description') AS name,
    json_extract(span.value, '$.status') AS status,
    json_extract(span.value, '$.start_timestamp') AS start,
    json_extract(span.value, '$.timestamp') AS finish,
    json_extract(span.value, '$.data') AS data
FROM traces, transactions, json_each(transactions.event, '$.spans') AS span
WHERE transactions.trace = traces.id;
"""

STEPS: Final = (FIRST,)
"""Step n turns a file of version n into one of version n + 1."""

VERSION: Final = len(STEPS)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file behind `connection` to this version; StoreFailed when it is another program's or a newer one."""
    version = _version(connection, path)
    if version == 0:
        # Only a file without a single page can be told these, so they come before the change to WAL writes the first.
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    for number in range(version, VERSION):
        # One step is one transaction, so a process killed in the middle leaves the version before it.
        connection.executescript(f"BEGIN IMMEDIATE; {STEPS[number]} PRAGMA user_version = {number + 1}; COMMIT;")


def check_readable(connection: sqlite3.Connection, path: str) -> bool:
    """Whether there is anything to read; StoreFailed when it is another program's file or a newer one's."""
    return _version(connection, path) > 0


def _version(connection: sqlite3.Connection, path: str) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        raise StoreFailed(f"{path} is the database of another program")
    if version > VERSION:
        raise StoreFailed(f"{path} was written by a newer version of instrument (format {version}; known: {VERSION})")
    return int(version)
