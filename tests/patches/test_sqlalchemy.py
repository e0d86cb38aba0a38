"""Statements of SQLAlchemy's engines, sync and async."""

import asyncio
import contextlib

import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

import instrument
from instrument.exporters import Memory
from tests.contracts.database import DatabaseContract


class Session:
    def __init__(self, connection):
        self.connection = connection
        self.commit = connection.commit
        self.rollback = connection.rollback

    def run(self, statement, parameters=()):
        self.connection.exec_driver_sql(statement, tuple(parameters))

    def many(self, statement, sets):
        self.connection.exec_driver_sql(statement, sets)

    def rows(self, statement):
        return self.connection.exec_driver_sql(statement).fetchall()


class AsyncSession:
    def __init__(self, connection, wait):
        self.connection = connection
        self.wait = wait

    def run(self, statement, parameters=()):
        async def run():
            await self.connection.exec_driver_sql(statement, tuple(parameters))

        self.wait(run())

    def many(self, statement, sets):
        async def many():
            await self.connection.exec_driver_sql(statement, sets)

        self.wait(many())

    def rows(self, statement):
        async def rows():
            return (await self.connection.exec_driver_sql(statement)).fetchall()

        return self.wait(rows())

    def commit(self):
        self.wait(self.connection.commit())

    def rollback(self):
        self.wait(self.connection.rollback())


class TestSqlAlchemy(DatabaseContract):
    patch = "sqlalchemy"
    origin = "auto.db.sqlalchemy"
    driver = "pysqlite"

    @contextlib.contextmanager
    def session(self, path):
        engine = sqlalchemy.create_engine(f"sqlite:///{path}", future=True)
        with engine.connect() as connection:
            yield Session(connection)
        engine.dispose()


class TestAsyncSqlAlchemy(DatabaseContract):
    patch = "sqlalchemy"
    origin = "auto.db.sqlalchemy"
    driver = "aiosqlite"

    @contextlib.contextmanager
    def session(self, path):
        loop = asyncio.new_event_loop()
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        connection = engine.connect()
        loop.run_until_complete(connection.start())
        try:
            yield AsyncSession(connection, loop.run_until_complete)
        finally:
            loop.run_until_complete(connection.close())
            loop.run_until_complete(engine.dispose())
            loop.close()


@pytest.fixture
def memory():
    memory = Memory()
    instrument.init(exporter=memory)
    return memory


@pytest.fixture
def engine(tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'birds.db'}")
    yield engine
    engine.dispose()


def told(transaction):
    return [(span.data["sentry.origin"], span.description) for span in transaction.spans]


def test_a_statement_is_one_span_though_the_driver_is_patched_as_well(memory, engine):
    with instrument.transaction("test", "work"), engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE birds (name TEXT)"))
        connection.execute(sqlalchemy.text("INSERT INTO birds VALUES (:name)"), {"name": "owl"})
    assert told(memory.transactions[-1]) == [
        ("auto.db.sqlalchemy", "CREATE TABLE birds (name TEXT)"),
        ("auto.db.sqlalchemy", "INSERT INTO birds VALUES (?)"),
        ("auto.db.sqlite3", "COMMIT"),
    ]


def test_connections_that_were_open_before_the_patch_are_recorded_once(memory, engine):
    instrument.unpatch("sqlalchemy")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    instrument.patch("sqlalchemy")
    with instrument.transaction("test", "work"), engine.connect() as connection:
        connection.exec_driver_sql("SELECT name FROM sqlite_master")
    assert told(memory.transactions[-1]) == [("auto.db.sqlalchemy", "SELECT name FROM sqlite_master")]


def test_without_this_patch_the_drivers_records_the_statements(memory, engine):
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    instrument.unpatch("sqlalchemy")
    with instrument.transaction("test", "work"), engine.connect() as connection:
        connection.exec_driver_sql("SELECT name FROM sqlite_master")
    instrument.patch("sqlalchemy")
    assert told(memory.transactions[-1]) == [("auto.db.sqlite3", "SELECT name FROM sqlite_master")]


def test_a_listener_that_refuses_a_statement_leaves_no_span_current(memory, engine):
    def refuse(*given):
        raise PermissionError("read only")

    sqlalchemy.event.listen(engine, "before_cursor_execute", refuse)
    with instrument.transaction("test", "work") as transaction:
        with engine.connect() as connection, pytest.raises(PermissionError):
            connection.exec_driver_sql("SELECT 1")
        assert instrument.get_current_span() is transaction


def test_statements_of_tasks_that_run_at_once_belong_each_to_its_own(memory, tmp_path):
    async def ask(engine, number):
        with instrument.span("function", f"task {number}"):
            async with engine.connect() as connection:
                await connection.exec_driver_sql("SELECT name FROM sqlite_master")

    async def main():
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'birds.db'}")
        with instrument.transaction("test", "work"):
            await asyncio.gather(*(ask(engine, number) for number in range(3)))
        await engine.dispose()

    asyncio.run(main())
    spans = memory.transactions[-1].spans
    tasks = {span.span_id for span in spans if span.op == "function"}
    assert len(tasks) == 3
    assert {span.parent_span_id for span in spans if span.op == "db"} == tasks
    assert len(spans) == 6


def test_taken_off_the_engines_have_no_listener_of_ours(memory, engine):
    before = len(list(engine.dispatch.before_cursor_execute))
    instrument.unpatch("sqlalchemy")
    assert len(list(engine.dispatch.before_cursor_execute)) == before - 1
    instrument.patch("sqlalchemy")
    instrument.patch("sqlalchemy")
    assert len(list(engine.dispatch.before_cursor_execute)) == before
