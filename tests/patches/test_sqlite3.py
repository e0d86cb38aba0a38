"""Statements of sqlite3."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from sqlite3 import dbapi2

import pytest

import instrument
from instrument.exporters import Memory
from tests.contracts.database import DatabaseContract
from tests.store.payloads import filled, simple

ROOT = Path(__file__).parents[2]


class Session:
    def __init__(self, connection):
        self.connection = connection
        self.commit = connection.commit
        self.rollback = connection.rollback

    def run(self, statement, parameters=()):
        self.connection.execute(statement, parameters)

    def many(self, statement, sets):
        self.connection.executemany(statement, sets)

    def rows(self, statement):
        return self.connection.execute(statement).fetchall()


class OwnCursor(sqlite3.Cursor):
    """As frameworks make them: it changes the statement on its way."""

    def execute(self, statement, parameters=()):
        return super().execute(statement.replace("%s", "?"), parameters)


class OwnConnection(sqlite3.Connection):
    def execute(self, *args):
        return super().execute(*args)


class TestConnection(DatabaseContract):
    patch = "sqlite3"
    origin = "auto.db.sqlite3"

    @contextlib.contextmanager
    def session(self, path):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            yield Session(connection)


class CursorSession:
    def __init__(self, connection):
        self.cursor = connection.cursor(OwnCursor)
        self.commit = connection.commit
        self.rollback = connection.rollback

    def run(self, statement, parameters=()):
        self.cursor.execute(statement, parameters)

    def many(self, statement, sets):
        self.cursor.executemany(statement, sets)

    def rows(self, statement):
        return self.cursor.execute(statement).fetchall()


class TestCursorOfTheProgramsOwnClass(DatabaseContract):
    patch = "sqlite3"
    origin = "auto.db.sqlite3"

    @contextlib.contextmanager
    def session(self, path):
        with contextlib.closing(dbapi2.connect(path)) as connection:
            yield CursorSession(connection)


@pytest.fixture
def memory():
    memory = Memory()
    instrument.init(exporter=memory)
    return memory


@pytest.fixture
def connection(memory):
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE birds (name TEXT, age INTEGER)")
        connection.executemany("INSERT INTO birds VALUES (?, ?)", [("owl", 3), ("kite", 5), ("jay", 1)])
        connection.commit()
        yield connection


def spans_of(memory, work):
    with instrument.transaction("test", "work"):
        work()
    return memory.transactions[-1].spans


@pytest.mark.parametrize(
    "read",
    [
        lambda cursor: list(cursor),
        lambda cursor: cursor.fetchall(),
        lambda cursor: [cursor.fetchone() for _ in range(4)],
        lambda cursor: [cursor.fetchmany(2), cursor.fetchmany(2)],
        lambda cursor: [next(cursor), cursor.fetchall()],
    ],
    ids=["iterated", "fetchall", "fetchone", "fetchmany", "mixed"],
)
def test_the_rows_that_were_read_are_counted_however_they_were(memory, connection, read):
    (span,) = spans_of(memory, lambda: read(connection.execute("SELECT * FROM birds")))
    assert span.data["db.rows_returned"] == 3


def test_rows_that_nobody_reads_are_not_counted(memory, connection):
    (span,) = spans_of(memory, lambda: next(connection.execute("SELECT * FROM birds")))
    assert span.data["db.rows_returned"] == 1


def test_reading_all_rows_says_how_long_that_took(memory, connection):
    (span,) = spans_of(memory, lambda: connection.execute("SELECT * FROM birds").fetchall())
    assert span.data["db.fetch_seconds"] > 0


def test_a_cursor_that_is_used_again_counts_for_its_last_statement(memory, connection):
    cursor = connection.cursor()

    def work():
        cursor.execute("SELECT * FROM birds").fetchall()
        cursor.execute("SELECT name FROM birds WHERE age = 3").fetchall()

    assert [span.data["db.rows_returned"] for span in spans_of(memory, work)] == [3, 1]


def test_an_iterator_of_parameters_is_consumed_by_the_database_alone(memory, connection):
    given = (("tit", age) for age in range(4))
    (span, *_) = spans_of(memory, lambda: connection.executemany("INSERT INTO birds VALUES (?, ?)", given))
    assert (span.data["db.executemany"], span.data["db.rows_affected"]) == (True, 4)
    assert "db.batch_size" not in span.data


def test_a_script_is_one_span_without_values(memory, connection):
    script = "CREATE TABLE eggs (n); INSERT INTO eggs VALUES ('speckled');"
    (span,) = spans_of(memory, lambda: connection.executescript(script))
    assert span.description == "CREATE TABLE eggs (n); INSERT INTO eggs VALUES (?);"


def test_commits_and_rollbacks_are_spans_where_something_was_open(memory, connection):
    def work():
        connection.commit()
        with connection:
            connection.execute("DELETE FROM birds WHERE age = 1")
        with pytest.raises(KeyError), connection:
            connection.execute("DELETE FROM birds")
            raise KeyError
        connection.execute("DELETE FROM birds")
        connection.rollback()
        connection.rollback()

    told = [span.data.get("db.operation") for span in spans_of(memory, work)]
    assert told == [None, "COMMIT", None, "ROLLBACK", None, "ROLLBACK"]
    assert len(connection.execute("SELECT * FROM birds").fetchall()) == 2


def test_a_connection_looks_as_it_does_without_us(connection):
    assert isinstance(connection, sqlite3.Connection)
    assert repr(connection).startswith("<sqlite3.Connection object at ")
    assert isinstance(connection.cursor(), sqlite3.Cursor)
    assert iter(cursor := connection.cursor()) is cursor
    assert not hasattr(connection, "__dict__")
    assert not hasattr(cursor, "__dict__")
    assert type(cursor)(connection).execute("SELECT 1").fetchone() == (1,)


def test_a_connection_factory_of_the_program_is_left_alone(memory):
    made = []

    def factory(*args, **kwargs):
        made.append((args, kwargs))
        return OwnConnection(*args, **kwargs)

    with contextlib.closing(sqlite3.connect(":memory:", factory=OwnConnection)) as connection:
        assert type(connection) is OwnConnection
        assert type(connection.cursor()) is sqlite3.Cursor
        assert spans_of(memory, lambda: connection.execute("SELECT 1")) == []
    with contextlib.closing(sqlite3.connect(":memory:", factory=factory)) as connection:
        assert type(connection) is OwnConnection
    assert made == [((":memory:",), {})] or made == [((":memory:",), {"factory": factory})]


def test_a_cursor_of_the_programs_own_class_stays_one(memory, connection):
    cursor = connection.cursor(OwnCursor)
    assert isinstance(cursor, OwnCursor)
    (span,) = spans_of(memory, lambda: cursor.execute("SELECT * FROM birds WHERE age > %s", (2,)).fetchall())
    assert span.description == "SELECT * FROM birds WHERE age > %s"
    assert span.data["db.rows_returned"] == 2


def test_a_cursor_factory_that_is_no_plain_class_is_left_alone(memory, connection):
    heard = []

    class Registering(sqlite3.Cursor):
        def __init_subclass__(cls):
            heard.append(cls)

    assert type(connection.cursor(Registering)) is Registering
    assert type(connection.cursor(lambda made: OwnCursor(made))) is OwnCursor
    assert heard == []


@pytest.mark.parametrize("wrong", [(), (3,), ("SELECT 1", (), 3), ("",)])
def test_a_wrong_call_fails_as_it_does_without_us(memory, connection, wrong):
    def outcome():
        try:
            return connection.execute(*wrong).fetchall()
        except Exception as error:
            return type(error), str(error)

    with instrument.transaction("test", "work"):
        recorded = outcome()
    instrument.unpatch("sqlite3")
    assert str(recorded) == str(outcome())


def test_a_closed_connection_fails_as_it_does_without_us(memory, connection):
    connection.close()

    def work():
        for call in (connection.commit, connection.rollback, connection.cursor, lambda: connection.execute("SELECT 1")):
            with pytest.raises(sqlite3.ProgrammingError, match="Cannot operate on a closed database"):
                call()

    spans_of(memory, work)


def test_parameters_of_an_address_are_no_part_of_the_databases_name(memory, tmp_path):
    address = f"file:{tmp_path}/birds.db?mode=rwc&key=secret"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
        (span,) = spans_of(memory, lambda: connection.execute("SELECT 1"))
    assert span.data["db.name"] == f"file:{tmp_path}/birds.db"


def test_the_store_of_traces_is_not_traced(memory, tmp_path):
    def ids(length):
        return "a" * length

    path = tmp_path / "store" / "traces.db"
    assert spans_of(memory, lambda: filled(path, simple(ids).payload)) == []
    assert path.exists()


def test_taken_off_the_module_is_as_it_was():
    instrument.unpatch("sqlite3")
    plain = sqlite3.connect, dbapi2.connect
    instrument.init(exporter=Memory())
    assert sqlite3.connect is not plain[0]
    instrument.unpatch("sqlite3")
    assert (sqlite3.connect, dbapi2.connect) == plain
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        assert type(connection) is sqlite3.Connection


PYTHONS_OWN = """
import contextlib, json, sqlite3, sys, unittest
import instrument
from instrument.exporters import Memory

memory = Memory()
with contextlib.ExitStack() as stack:
    if sys.argv[1] == "on":
        instrument.init(exporter=memory, default_integrations=False, integrations=["sqlite3"])
        stack.enter_context(instrument.transaction("test", "work"))
    result = unittest.TestResult()
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[2:])
    suite.run(result)
broken = sorted(test.id() for test, _ in result.failures + result.errors)
spans = sum(len(one.spans) for one in memory.transactions)
print(json.dumps([result.testsRun, len(result.skipped), broken, spans]))
"""
PARTS = ("dbapi", "factory", "regression", "transactions", "types", "userfunctions")
SEEN = {
    "test_database_keyword": "asks for the exact type of a connection",
    "test_connect_positional_arguments": "asks which file a deprecation is blamed on",
    "test_execute_named_param_and_sequence": "asks which file a deprecation is blamed on",
    "test_sqlite_date": "asks which file a deprecation is blamed on",
    "test_sqlite_timestamp": "asks which file a deprecation is blamed on",
}
"""Tests of Python's own that see the patch, and what they see; `docs/integrations.md` says the same to users."""


def test_pythons_own_tests_of_sqlite3_pass_as_they_do_without_us(tmp_path):
    package = "test.test_sqlite3.test_" if sys.version_info >= (3, 11) else "sqlite3.test."
    try:
        __import__(f"{package}dbapi")
    except ImportError:
        pytest.skip("needs Python with its own tests")
    (tmp_path / "run.py").write_text(PYTHONS_OWN, "utf-8")

    def run(state):
        done = subprocess.run(
            [sys.executable, str(tmp_path / "run.py"), state, *(package + part for part in PARTS)],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    ran, skipped, broken, _ = run("off")
    ran_on, skipped_on, broken_on, spans = run("on")
    assert (ran_on, skipped_on) == (ran, skipped)
    assert ran > 200
    assert spans > 0
    assert [test for test in broken_on if test.partition(" ")[0].rpartition(".")[2] not in SEEN] == broken
