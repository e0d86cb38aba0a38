"""`instrument flush`, with folders that killed processes left and servers of every mood."""

import json
import sys
import threading

import pytest

from instrument.cli.main import main
from instrument.store import FILE_NAME
from instrument.store.reading import Reader
from instrument.wire import read_envelope
from tests.cli.left_behind import KEY, dsn, leave, living
from tests.transport.servers import OK, Server, never, status

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs Python on a POSIX system")

FORBIDDEN = status(403, "Content-Type: application/json", body=b'{"detail":"no such key ' + KEY.encode() + b'"}')
BUSY = status(503)


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "instrument"


@pytest.fixture
def flush(capsys):
    """Run the command; its exit code, and what it printed."""

    def run(*words):
        capsys.readouterr()
        code = main(["flush", *words])
        printed = capsys.readouterr()
        assert KEY not in printed.out + printed.err
        return code, printed.out, printed.err

    return run


@pytest.fixture
def server():
    """A server that takes nothing yet, so that what is recorded stays on disk."""
    with Server(BUSY) as server:
        yield server


def taken(server, begin=0):
    """The names of the transactions and messages that came, in any order, from the request number `begin` on."""
    payloads = [item.json() for one in server.received[begin:] for item in read_envelope(one.body).items]
    return sorted(payload.get("transaction") or payload["message"] for payload in payloads)


def folders(state):
    return [path for path in (state / "spool").glob("*/*-*") if path.is_dir()]


def found(text):
    return json.loads(text)["destinations"][0]


def test_what_killed_processes_left_arrives_once_and_is_removed(state, server, flush, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    leave(20)
    leave(5)
    assert len(folders(state)) == 2
    begin, server.answer = len(server.received), OK

    code, output, errors = flush()
    assert (code, errors) == (0, "")
    assert "25 transactions and 2 errors left by 2 processes." in output
    assert "27 delivered, 0 refused for good, 0 still waiting." in output
    names = taken(server, begin)
    assert len(names) == 27 and len(set(names)) == 26 and names.count("the end is near") == 2
    assert folders(state) == []

    assert flush() == (0, f"http://127.0.0.1:{server.port}/api/7/envelope/: nothing waits.\n", "")
    assert len(server.received) == begin + 27


def test_the_store_gets_what_was_on_its_way_to_it(state, flush, tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_STORE_PATH", str(tmp_path / "file" / FILE_NAME))
    (tmp_path / "file").write_text("where the folder of the store belongs")
    leave(3)
    (tmp_path / "file").unlink()
    code, output, _ = flush()
    assert code == 0 and "4 delivered, 0 refused for good, 0 still waiting." in output
    with Reader(tmp_path / "file" / FILE_NAME) as reader:
        assert sum(found.transactions + found.errors for found in reader.recent()) == 4


def test_a_dsn_can_be_given(state, server, flush, monkeypatch):
    leave(2, SENTRY_DSN=dsn(server.port))
    server.answer = OK
    code, output, _ = flush("--dsn", dsn(server.port))
    assert code == 0 and "3 delivered" in output


def test_a_setting_that_is_wrong_is_tried_once_and_said(state, server, flush, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    leave(3)
    begin, server.answer = len(server.received), FORBIDDEN
    code, output, _ = flush("--timeout", "600")
    assert code == 1 and len(server.received) == begin + 1
    assert "0 delivered, 0 refused for good, 4 still waiting." in output
    assert "HTTP 403 Forbidden: no such key ***" in output


def test_what_is_refused_for_good_is_counted_and_not_left(state, server, flush, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    leave(3)
    server.answer = status(400)
    code, output, _ = flush()
    assert code == 0 and "0 delivered, 4 refused for good, 0 still waiting." in output
    assert folders(state) == []


def test_a_server_that_comes_back_gets_everything(state, server, flush, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    leave(3)
    moods = iter([BUSY, BUSY])
    server.answer = lambda request, connection: next(moods, OK)
    code, output, _ = flush()
    assert code == 0 and "4 delivered" in output


def test_a_rate_limit_leaves_the_rest_for_later(state, server, flush, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    leave(3)
    server.answer = status(429, "Retry-After: 3000")
    code, output, _ = flush("--timeout", "0.3")
    assert code == 1 and "4 still waiting" in output and "HTTP 429" in output


def test_nobody_there_is_given_up(state, server, flush, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", dsn(1))
    leave(3)
    code, output, _ = flush("--json")
    assert code == 1
    assert (found(output)["found"], found(output)["waiting"], found(output)["delivered"]) == (4, 4, 0)
    assert "Connection refused" in found(output)["reason"]


def test_a_server_that_never_answers_is_given_up_when_time_is_up(state, server, flush, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    leave(3)
    ended = threading.Event()
    server.answer = never(ended)
    code, output, _ = flush("--timeout", "0.3")
    ended.set()
    assert code == 1 and "4 still waiting" in output and "time is up" in output
    server.answer = OK
    assert len(folders(state)) == 1


def test_what_a_living_process_has_is_left_to_it(state, server, flush, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    with living(3):
        assert flush() == (0, f"http://127.0.0.1:{server.port}/api/7/envelope/: nothing waits.\n", "")
        assert len(folders(state)) == 1


def test_what_waits_for_others_is_told_and_stays(state, server, flush, monkeypatch):
    leave(3, SENTRY_DSN=dsn(server.port, project=8))
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    code, output, _ = flush()
    assert code == 0 and "1 process left " in output and "for other destinations" in output
    code, output, _ = flush("--all")
    assert code == 1 and "does not know their addresses" in output
    assert json.loads(flush("--json")[1])["other_destinations"]["processes"] == 1
    assert len(folders(state)) == 1


def test_all_takes_the_local_store_along(state, server, flush, tmp_path, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_STORE_PATH", str(tmp_path / "file" / FILE_NAME))
    (tmp_path / "file").write_text("where the folder of the store belongs")
    leave(1)
    (tmp_path / "file").unlink()
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    leave(1)
    server.answer = OK
    code, output, _ = flush("--all", "--json")
    assert code == 0
    assert [one["delivered"] for one in json.loads(output)["destinations"]] == [2, 2]


def test_a_destination_without_a_spool_has_nothing_to_flush(state, flush, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_EXPORTER", "console")
    code, output, _ = flush()
    assert code == 0 and "Nothing waits for this destination" in output


def test_a_folder_that_cannot_be_trusted_is_not_touched(state, server, flush, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
    leave(2)
    [folder] = folders(state)
    folder.chmod(0o755)
    server.answer = OK
    code, output, _ = flush()
    assert code == 1 and "left something" in output
    assert f"{folder} is open to other users (mode 755), so nothing in it is delivered" in output
    assert folders(state) == [folder]


@pytest.mark.parametrize("words", [["--timeout", "long"], ["--timeout", "-1"]])
def test_a_wrong_time_is_refused(flush, words):
    assert flush(*words)[0] == 2


def test_a_bad_dsn_is_told_without_its_key(flush):
    code, _, errors = flush("--dsn", f"ftp://{KEY}@host/1")
    assert code == 1 and "must begin with http" in errors
