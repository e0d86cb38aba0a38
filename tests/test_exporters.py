"""The destinations as a user names them."""

import json
import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from instrument import exporters
from instrument._books import Books
from instrument.errors import BadDsn
from instrument.export import FileSpool, Record
from instrument.exporters import Console, JsonLines, Local, Memory, Sentry
from instrument.options import Options
from instrument.wire import EventCodec
from tests.export.worlds import ROOT, error, transaction
from tests.transport.servers import Server

LIMIT = 20.0
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def connected():
    made = []

    def connect(exporter, **options):
        exporter.books = Books()
        exporter.connect(Options.read(**options))
        made.append(exporter)
        return exporter

    yield connect
    for exporter in made:
        exporter.close(0.1)


def rows(path, question):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def test_every_destination_is_importable_by_its_name():
    assert set(exporters.__all__) >= {"Console", "JsonLines", "Local", "Memory", "Sentry"}


def test_making_one_does_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    threads = threading.active_count()
    made = [Sentry(f"https://{KEY}@example.invalid/1"), Local(), Local(tmp_path / "x"), Console(), Memory()]
    made.append(JsonLines(tmp_path / "lines"))
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads
    for exporter in made:
        assert exporter.flush(0.0)
        assert exporter.close(0.0)
    assert list(tmp_path.iterdir()) == []


def test_importing_and_making_them_loads_neither_requests_nor_sqlite():
    program = (
        "import sys\nfrom instrument.exporters import Local, Sentry\n"
        "Local(), Sentry('http://k@h/1')\nprint([m for m in ('requests', 'sqlite3', 'urllib3') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wrong_dsn_is_refused_without_its_key():
    with pytest.raises(BadDsn) as caught:
        Sentry(f"ftp://{KEY}@host/1")
    assert KEY not in str(caught.value)


def test_no_destination_prints_a_key():
    assert KEY not in repr(Sentry(f"https://{KEY}@host/1"))
    assert "host" in repr(Sentry(f"https://{KEY}@host/1"))
    assert repr(Local()) == "Local()"


def test_local_writes_into_the_store_of_the_user(connected, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    local = connected(Local())
    item = transaction("nightly")
    local.export(item)
    local.export(error("boom"))
    assert local.flush(LIMIT)
    path = tmp_path / "instrument" / "traces.db"
    assert rows(path, "SELECT count(*) FROM transactions") == [(1,)]
    assert rows(path, "SELECT title FROM errors") == [("boom",)]
    assert local.books.stats().transactions.delivered == 1


@pytest.mark.parametrize("by", ["argument", "option"])
def test_local_writes_where_it_is_told(connected, tmp_path, by):
    path = tmp_path / "folder" / "mine.db"
    local = connected(Local(path)) if by == "argument" else connected(Local(), store_path=path)
    local.export(transaction())
    assert local.flush(LIMIT)
    assert rows(path, "SELECT count(*) FROM transactions") == [(1,)]


def test_the_store_leaves_out_what_is_no_event_and_that_is_kept_aside(connected, tmp_path):
    path = tmp_path / "t.db"
    dead = FileSpool(tmp_path / "spool", f"Local {path}", books=Books())
    dead.append(Record("transaction", 1, EventCodec().encode(transaction("good"))))
    dead.append(Record("transaction", 1, b'{"type":"transaction"}'))
    dead.close()
    local = connected(Local(path), spool_dir=tmp_path / "spool")
    assert local.flush(LIMIT, orphans=True)
    assert rows(path, "SELECT name FROM transactions") == [("good",)]
    (kept,) = (tmp_path / "spool").glob("*/rejected/*")
    assert kept.read_bytes() == b'{"type":"transaction"}'
    assert list((tmp_path / "spool").glob("*/*/*.log")) == []


def test_a_forked_child_and_its_parent_share_the_store(connected, tmp_path):
    path = tmp_path / "t.db"
    local = connected(Local(path))
    local.export(transaction("parent"))
    assert local.flush(LIMIT)
    child = os.fork()
    if not child:
        status = 1
        try:
            local.export(transaction("child"))
            status = 0 if local.close(LIMIT) else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    local.export(transaction("parent again"))
    assert local.flush(LIMIT)
    assert rows(path, "SELECT count(*) FROM transactions") == [(3,)]


def test_two_destinations_of_one_process_do_not_mix(connected, tmp_path):
    with Server() as server:
        sentry = connected(Sentry(f"http://{KEY}@127.0.0.1:{server.port}/7"), spool_dir=tmp_path / "spool")
        local = connected(Local(tmp_path / "t.db"), spool_dir=tmp_path / "spool")
        sentry.export(transaction("for the server"))
        local.export(transaction("for the store"))
        assert sentry.flush(LIMIT)
        assert local.flush(LIMIT)
        assert len(server.received) == 1
    (event,) = rows(tmp_path / "t.db", "SELECT event FROM transactions")
    text = event[0] if isinstance(event[0], str) else event[0].decode()
    assert json.loads(text)["transaction"] == "for the store"


def test_a_destination_that_was_never_connected_counts_what_it_drops():
    local = Local()
    local.export(transaction())
    assert local.books.total("transactions", "dropped:not_connected") == 1
    assert local.flush()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_an_unwritable_state_folder_is_one_line_and_harms_nobody(connected, tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    local = connected(Local())
    for number in range(50):
        local.export(transaction(str(number)))
    assert not local.flush(0.5)
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    assert local.books.total("transactions", "spooled") == 50
