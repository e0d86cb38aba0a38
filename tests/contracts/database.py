"""What holds for every database library that we patch. A test class inherits it and says how its library works.

The database is a file with a table `birds(name, age)` that holds two rows; it is prepared outside of any transaction.
"""

from __future__ import annotations

import contextlib
import inspect
import threading

import pytest

import instrument
from instrument import _guard
from instrument.exporters import Memory
from instrument.patches import _db

LIMIT = 20.0


class DatabaseContract:
    patch = ""
    """The name of the patch."""
    origin = ""
    placeholder = "?"
    driver = None
    """What spans call the driver, if they do."""

    def session(self, path):
        """A context manager with a session of the database at `path`, which has `run(statement, parameters=())`,
        `many(statement, sets)`, `rows(statement)`, `commit()` and `rollback()`."""
        raise NotImplementedError

    @pytest.fixture
    def memory(self):
        memory = Memory()
        instrument.init(exporter=memory)
        yield memory
        instrument.patch(self.patch)

    @pytest.fixture
    def database(self, memory, tmp_path):
        with self.session(str(tmp_path / "birds.db")) as session:
            session.run("CREATE TABLE birds (name TEXT, age INTEGER)")
            session.many(f"INSERT INTO birds VALUES ({self.places})", [("owl", 3), ("kite", 5)])
            session.commit()
            assert memory.transactions == []
            yield session

    @property
    def places(self):
        return f"{self.placeholder}, {self.placeholder}"

    def record(self, memory, work, *args):
        """The spans of statements in a transaction in which `work(*args)` is done, and what it came to."""
        outcome = None
        with instrument.transaction("test", "work"):
            try:
                outcome = work(*args)
            except Exception as error:
                outcome = error
        return [span for span in memory.transactions[-1].spans if "db.operation" not in (span.data or {})], outcome

    def test_a_statement_is_one_span_that_says_what_was_asked(self, memory, database, tmp_path):
        (span,), rows = self.record(memory, database.rows, "SELECT name FROM birds ORDER BY name")
        assert [tuple(row) for row in rows] == [("kite",), ("owl",)]
        assert (span.op, span.status) == ("db", "ok")
        assert span.description == "SELECT name FROM birds ORDER BY name"
        assert (span.data["sentry.origin"], span.data["db.system"]) == (self.origin, "sqlite")
        assert span.data["db.name"] == str(tmp_path / "birds.db")
        assert span.data.get("db.driver.name") == self.driver
        assert span.parent_span_id == memory.transactions[-1].span_id

    def test_values_in_a_statement_do_not_leave_the_process(self, memory, database):
        asked = "SELECT name FROM birds WHERE name = 'o''wl' OR age > 4711"
        (span,), rows = self.record(memory, database.rows, asked)
        assert rows == []
        assert span.description == "SELECT name FROM birds WHERE name = ? OR age > ?"

    def test_parameters_are_not_recorded(self, memory, database):
        asked = f"UPDATE birds SET age = {self.placeholder} WHERE name = {self.placeholder}"
        (span,), _ = self.record(memory, database.run, asked, (4711, "owl"))
        assert "UPDATE birds SET age = ? WHERE name = ?" in span.description
        assert "4711" not in f"{span.description}{span.data}"

    def test_the_rows_that_a_statement_changed_are_counted(self, memory, database):
        (span,), _ = self.record(memory, database.run, "UPDATE birds SET age = age + 1")
        assert span.data["db.rows_affected"] == 2

    def test_many_sets_of_parameters_are_one_span(self, memory, database):
        asked = f"INSERT INTO birds VALUES ({self.places})"
        (span,), _ = self.record(memory, database.many, asked, [("crow", 1), ("jay", 2), ("tit", 3)])
        assert (span.data["db.executemany"], span.data["db.batch_size"]) == (True, 3)
        assert len(database.rows("SELECT * FROM birds")) == 5

    def test_an_error_passes_and_belongs_to_the_statement(self, memory, database):
        def work():
            try:
                database.run("SELECT nothing FROM birds")
            except Exception as error:
                instrument.capture_exception(error)
                raise

        (span,), error = self.record(memory, work)
        with pytest.raises(type(error)) as without:
            database.run("SELECT nothing FROM birds")
        assert str(error) == str(without.value)
        assert span.status == "internal_error"
        assert memory.errors[-1].span_id == span.span_id

    def test_statements_leave_breadcrumbs_without_values(self, memory, database):
        def work():
            database.run("UPDATE birds SET age = 4711")
            with contextlib.suppress(Exception):
                database.run("SELECT nothing FROM birds")
            instrument.capture_message("here")

        self.record(memory, work)
        crumbs = [crumb for crumb in memory.errors[-1].breadcrumbs if crumb["category"] == "query"]
        assert [(crumb["message"], crumb["level"]) for crumb in crumbs] == [
            ("UPDATE birds SET age = ?", "info"),
            ("SELECT nothing FROM birds", "error"),
        ]

    def test_nothing_is_recorded_outside_a_transaction(self, memory, database):
        database.run("UPDATE birds SET age = 1")
        instrument.capture_message("here")
        assert memory.transactions == []
        assert [crumb for crumb in memory.errors[-1].breadcrumbs if crumb["category"] == "query"] == []

    def test_nothing_is_recorded_where_recording_is_suppressed(self, memory, database):
        def work():
            with instrument.suppress():
                return len(database.rows("SELECT * FROM birds"))

        assert self.record(memory, work) == ([], 2)

    def test_nothing_is_recorded_in_a_transaction_that_is_not_sampled(self, memory, database):
        with instrument.transaction("test", "work", sampled=False):
            assert len(database.rows("SELECT * FROM birds")) == 2
        assert memory.transactions == []

    def test_taken_off_it_records_nothing_and_put_on_again_it_does(self, memory, database):
        instrument.unpatch(self.patch, "sqlite3")
        assert self.record(memory, lambda: len(database.rows("SELECT * FROM birds"))) == ([], 2)
        instrument.patch(self.patch)
        spans, _ = self.record(memory, database.run, "UPDATE birds SET age = 2")
        assert len(spans) == 1

    def test_a_slow_statement_says_where_the_program_asked_for_it(self, memory, database, monkeypatch):
        (quick,), _ = self.record(memory, database.rows, "SELECT * FROM birds")
        assert not any(key.startswith("code.") for key in quick.data)
        monkeypatch.setattr(_db, "SLOW_NS", 0)
        (slow,), _ = self.record(memory, database.rows, "SELECT * FROM birds")
        lines, first = inspect.getsourcelines(type(database))
        assert slow.data["code.filepath"] == inspect.getsourcefile(type(database))
        assert first <= slow.data["code.lineno"] < first + len(lines)
        assert slow.data["code.function"] == "rows"

    def test_in_a_thread_it_is_a_child_of_where_that_was_started(self, memory, tmp_path):
        def work():
            with self.session(str(tmp_path / "thread.db")) as session:
                session.run("CREATE TABLE nests (tree TEXT)")

        def start():
            with instrument.span("function", "start") as span:
                thread = threading.Thread(target=work)
                thread.start()
                thread.join(LIMIT)
            return span.span_id

        spans, parent = self.record(memory, start)
        assert [span.parent_span_id for span in spans if span.op == "db"] == [parent]

    def test_a_fault_of_ours_does_not_reach_the_program_and_ten_take_the_patch_off(
        self, memory, database, monkeypatch, caplog
    ):
        def broken(cls, facts, statement):
            raise LookupError("ours")

        monkeypatch.setattr(_guard, "strict", False)
        monkeypatch.setattr(_db.Query, "begin", classmethod(broken))
        for _ in range(12):
            spans, rows = self.record(memory, database.rows, "SELECT * FROM birds")
            assert (spans, len(rows)) == ([], 2)
        (state,) = (state for state in instrument.patches() if state.name == self.patch)
        assert (state.state, state.faults) == ("off", 10)
        assert f"the patch of {self.patch} took itself off after 10 faults" in caplog.text
