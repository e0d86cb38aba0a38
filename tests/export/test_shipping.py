"""From an item to the answer of a real server, with the waits of flush and close."""

import threading
import time

import pytest

from instrument import _guard
from instrument._books import Books
from instrument.export import Delivery, Sender, Shipping
from instrument.exporters import Sentry
from instrument.options import Options
from instrument.wire import read_envelope
from tests.export.worlds import DOWN, Lines, World, error, run_program, transaction
from tests.transport.servers import CERTIFICATE, EXPIRED, OK, Server, never, status, until

LIMIT = 20.0


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture
def connect(tmp_path):
    made = []

    def connect(server, **options):
        exporter = Sentry(f"http://0123456789abcdef@127.0.0.1:{server.port}/7")
        exporter.books = Books()
        exporter.connect(Options.read(spool_dir=tmp_path / "spool", **options))
        made.append(exporter)
        return exporter

    yield connect
    for exporter in made:
        exporter.close(0.1)


def names(server):
    found = []
    for request in list(server.received):
        for item in read_envelope(request.body).items:
            payload = item.json()
            found.append(payload.get("transaction") or payload.get("message") or item.type)
    return found


def export(exporter, *names):
    for name in names:
        exporter.books.count("transactions", "started")
        exporter.books.count("spans", "started")
        exporter.export(transaction(name))


def test_what_is_exported_arrives_once_and_the_books_say_so(server, connect):
    exporter = connect(server)
    export(exporter, "a", "b", "c")
    exporter.books.count("errors", "started")
    exporter.export(error("boom"))
    assert exporter.flush(LIMIT)
    assert sorted(names(server)) == ["a", "b", "boom", "c"]
    stats = exporter.books.stats()
    assert (stats.transactions.delivered, stats.spans.delivered, stats.errors.delivered) == (3, 3, 1)
    assert stats.balanced


def test_requests_carry_the_protocols_headers(server, connect):
    exporter = connect(server)
    export(exporter, "a")
    assert exporter.flush(LIMIT)
    (request,) = server.received
    client = request.headers["user-agent"]
    assert client.startswith("instrument.python/")
    assert request.line == "POST /api/7/envelope/ HTTP/1.1"
    assert request.headers["content-type"] == "application/x-sentry-envelope"
    assert request.headers["x-sentry-auth"] == (
        f"Sentry sentry_key=0123456789abcdef, sentry_version=7, sentry_client={client}"
    )


def test_flush_of_nothing_is_true_and_starts_no_thread(server, connect):
    exporter = connect(server)
    threads = threading.active_count()
    assert exporter.flush(LIMIT)
    assert exporter.close(LIMIT)
    assert threading.active_count() == threads
    assert server.connections == 0


def test_flush_keeps_its_timeout_when_nobody_answers(server, connect):
    server.answer = never(server.ended)
    exporter = connect(server)
    export(exporter, "a")
    begin = time.monotonic()
    assert not exporter.flush(0.3)
    assert time.monotonic() - begin < LIMIT / 2
    assert exporter.books.total("transactions", "spooled") == 1


def test_flush_without_a_timeout_is_bounded_by_the_option(server, connect):
    server.answer = never(server.ended)
    exporter = connect(server, shutdown_timeout=0.2)
    export(exporter, "a")
    assert not exporter.flush()


def test_flush_goes_on_trying_until_the_server_is_back(server, connect):
    server.answer = status(503)
    exporter = connect(server)
    export(exporter, "a")
    server.wait_for(1)
    server.answer = OK
    assert exporter.flush(LIMIT)
    assert exporter.books.total("transactions", "delivered") == 1


def test_flush_waits_for_what_was_exported_before_it_and_not_for_what_comes_after(server, connect):
    exporter = connect(server)
    stop = threading.Event()

    def go_on():
        while not stop.is_set():
            export(exporter, "more")

    export(exporter, "a")
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        assert exporter.flush(LIMIT)
        assert "a" in names(server)
    finally:
        stop.set()
        thread.join()


def test_a_refused_item_is_finished_business_for_flush(server, connect):
    server.answer = status(400)
    exporter = connect(server)
    export(exporter, "bad")
    assert exporter.flush(LIMIT)
    stats = exporter.books.stats()
    assert (stats.transactions.rejected, stats.spans.rejected) == (1, 1)
    assert stats.balanced


def test_a_refused_item_is_kept_aside_for_who_wants_to_know_why(server, connect, tmp_path):
    server.answer = status(400)
    exporter = connect(server)
    export(exporter, "bad")
    assert exporter.flush(LIMIT)
    (kept,) = (tmp_path / "spool").glob("*/rejected/*")
    assert read_envelope(kept.read_bytes()).items[0].json()["transaction"] == "bad"
    assert kept.stat().st_mode & 0o777 == 0o600


def with_attributes(name, **data):
    item = transaction(name)
    item.data = data
    return item


def refuse_large(request, connection):
    return status(413) if len(request.body) > 20_000 else OK


def test_an_item_that_is_too_large_arrives_without_its_largest_attributes(server, connect, tmp_path, caplog):
    server.answer = refuse_large
    exporter = connect(server)
    for count in ("transactions", "spans"):
        exporter.books.count(count, "started")
    exporter.export(with_attributes("large", blob="x" * 30_000, size=3))
    export(exporter, "after")
    assert exporter.flush(LIMIT)
    assert names(server) == ["large", "large", "after"]
    item = read_envelope(server.received[1].body).items[0]
    arrived = item.json()
    assert "data" not in arrived["contexts"]["trace"]
    assert arrived["_meta"]["contexts"]["trace"]["data"] == {"": {"rem": [["!limit", "x"]]}}
    assert exporter.books.stats().transactions.delivered == 2
    assert exporter.books.stats().balanced
    assert not list((tmp_path / "spool").glob("*/rejected/*"))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith("took one transaction only without its largest attributes")


def test_an_item_that_is_too_large_all_the_same_is_asked_about_twice_and_set_aside(server, connect, tmp_path):
    server.answer = status(413)
    exporter = connect(server)
    for count in ("transactions", "spans"):
        exporter.books.count(count, "started")
    exporter.export(with_attributes("large", blob="x" * 30_000))
    assert exporter.flush(LIMIT)
    assert names(server)[:2] == ["large", "large"]
    assert reported(server) == {("send_error", "transaction"): 1, ("send_error", "span"): 1}
    assert exporter.books.stats().transactions.rejected == 1
    assert exporter.books.stats().balanced
    (kept,) = (tmp_path / "spool").glob("*/rejected/*")
    assert kept.stat().st_size > 30_000, "as it was made"


@pytest.mark.parametrize("certificate", [CERTIFICATE, EXPIRED])
def test_a_server_that_cannot_be_trusted_is_said_once_and_what_was_for_it_is_kept(
    certificate, connect, tmp_path, caplog
):
    with Server(secure=certificate) as server:
        exporter = Sentry(f"https://0123456789abcdef@localhost:{server.port}/7")
        exporter.connect(Options.read(spool_dir=tmp_path / "spool"))
        export(exporter, "a", "b")
        assert until(lambda: caplog.records)
        # Python 3.10 loses sight of a socket that is broken off in the middle of a handshake.
        delivery = exporter._shipping._sender.delivery
        assert until(lambda: delivery.backoff.wait(time.monotonic()) > 0.2)
        assert not exporter.close(0.1)
        assert server.received == []
    (line,) = [record.getMessage() for record in caplog.records]
    assert "certificate" in line
    assert "0123456789abcdef" not in line
    assert exporter.books.stats().transactions.spooled == 2
    assert list((tmp_path / "spool").glob("*/*/transaction-*.log"))


def test_what_a_dead_process_left_and_the_server_refuses_is_kept_aside_too(server, connect, tmp_path):
    """By a process that has recorded nothing itself, as `instrument flush` does."""
    server.answer = status(503)
    dead = connect(server, shutdown_timeout=0)
    export(dead, "bad")
    dead.close()
    server.answer = status(400)
    assert connect(server).flush(LIMIT, orphans=True)
    (kept,) = (tmp_path / "spool").glob("*/rejected/*")
    assert read_envelope(kept.read_bytes()).items[0].json()["transaction"] == "bad"
    assert [path.stat().st_mode & 0o777 for path in (kept, kept.parent)] == [0o600, 0o700]


@pytest.mark.parametrize("mood", ["fails", "never answers"])
def test_what_a_process_adopted_and_could_not_deliver_is_free_for_others_when_it_closes(
    server, connect, tmp_path, mood
):
    server.answer = status(503)
    dead = connect(server)
    export(dead, *map(str, range(20)))
    dead.close(0)
    begin = len(server.received)
    server.answer = status(503) if mood == "fails" else never(server.ended)
    adopter = connect(server)
    assert not adopter.flush(0.1, orphans=True)
    server.wait_for(begin + 1)
    adopter.close(0.1)
    begin, server.answer = len(server.received), OK
    text = f"print(exporter.flush({LIMIT}, orphans=True))"
    done = run_program(text, f"http://0123456789abcdef@127.0.0.1:{server.port}/7", tmp_path / "spool")
    assert done.stdout == "True\n"
    arrived = [read_envelope(request.body).items[0].json().get("transaction") for request in server.received[begin:]]
    assert sorted(filter(None, arrived), key=int) == [str(number) for number in range(20)]


def test_close_delivers_what_is_there_and_takes_nothing_more(server, connect):
    exporter = connect(server)
    export(exporter, *map(str, range(200)))
    assert exporter.close(LIMIT)
    assert len(names(server)) == 200
    export(exporter, "late")
    assert exporter.books.total("transactions", "dropped:closed") == 1
    assert exporter.books.stats().balanced
    assert exporter.close(LIMIT)


def test_close_does_not_wait_for_a_server_that_fails_and_the_next_process_delivers(server, connect):
    server.answer = status(503)
    exporter = connect(server)
    export(exporter, *map(str, range(20)))
    server.wait_for(1)
    begin = time.monotonic()
    assert not exporter.close(LIMIT)
    assert time.monotonic() - begin < LIMIT / 2
    server.answer = OK
    successor = connect(server)
    assert successor.flush(LIMIT, orphans=True)
    delivered = [name for name in names(server)[1:] if name != "client_report"]
    assert sorted(set(delivered), key=int) == [str(number) for number in range(20)]


def test_close_breaks_off_a_server_that_never_answers(server, connect):
    server.answer = never(server.ended)
    exporter = connect(server)
    export(exporter, "a")
    server.wait_for(1)
    begin = time.monotonic()
    assert not exporter.close(LIMIT)
    assert time.monotonic() - begin < LIMIT / 2


def test_even_what_would_be_lost_does_not_hold_the_end_when_the_server_fails():
    world = World()
    world.transport.always = DOWN
    delivery = Delivery(world.spool, Lines(), world.transport, world.books, destination="http://there")
    sender = Sender(delivery, world.transport)
    exporter = Shipping(Lines(), world.spool, sender, world.books)
    export(exporter, "a")
    begin = time.monotonic()
    assert not exporter.close(LIMIT)
    assert time.monotonic() - begin < LIMIT / 2


def test_an_exporter_that_was_closed_can_be_connected_again(server, connect, tmp_path):
    exporter = connect(server)
    export(exporter, "a")
    assert exporter.close(LIMIT)
    exporter.connect(Options.read(spool_dir=tmp_path / "spool"))
    export(exporter, "b")
    assert exporter.flush(LIMIT)
    assert names(server) == ["a", "b"]


def test_an_outage_of_a_while_costs_nothing(server, connect):
    down = threading.Event()
    down.set()
    server.answer = lambda request, connection: status(503) if down.is_set() else OK
    exporter = connect(server)
    export(exporter, *map(str, range(50)))
    server.wait_for(2)
    down.clear()
    answered_badly = len(server.received)
    assert exporter.flush(LIMIT)
    accepted = names(server)[answered_badly - 1 :]
    assert set(map(str, range(50))) <= set(accepted)
    assert exporter.books.stats().balanced


def test_a_limit_on_transactions_does_not_hold_errors(server, connect):
    server.answer = status(429, "X-Sentry-Rate-Limits: 600:transaction:key")
    exporter = connect(server)
    export(exporter, "t")
    server.wait_for(1)
    server.answer = OK
    exporter.export(error("boom"))
    server.wait_for(2)
    assert not exporter.flush(0.2)
    assert names(server) == ["t", "boom"]


def test_an_item_that_cannot_be_encoded_is_dropped_and_counted(server, connect, monkeypatch):
    monkeypatch.setattr(_guard, "strict", False)
    exporter = connect(server)
    item = transaction("a")
    item.spans = [object()]
    exporter.books.count("transactions", "started")
    exporter.books.count("spans", "started", 2)
    exporter.export(item)
    stats = exporter.books.stats()
    assert stats.transactions.dropped == {"internal_sdk_error": 1}
    assert stats.spans.dropped == {"internal_sdk_error": 2}
    assert stats.balanced


def reported(server):
    found = {}
    for request in list(server.received):
        for item in read_envelope(request.body).items:
            if item.type == "client_report":
                for entry in item.json()["discarded_events"]:
                    key = entry["reason"], entry["category"]
                    found[key] = found.get(key, 0) + entry["quantity"]
    return found


DYING = "record(0, 5)\nos.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize("way", ["too old", "damaged", "refused"])
def test_what_is_lost_of_a_dead_process_is_reported_by_the_one_that_finds_it(server, tmp_path, way):
    dsn, spool = f"http://0123456789abcdef@127.0.0.1:{server.port}/7", tmp_path / "spool"
    server.answer = status(503)
    run_program(DYING, dsn, spool, expect=-9)
    server.received.clear()
    server.answer = OK
    (log,) = spool.glob("*/[0-9]*/transaction-*.log")
    if way == "damaged":
        content = bytearray(log.read_bytes())
        content[len(content) // 2] ^= 1
        log.write_bytes(content)
    elif way == "refused":
        server.answer = lambda request, _: OK if b"client_report" in request.body else status(400)
    text = f"""
        older = Sentry(dsn)
        older.connect(Options.read(spool_dir=spool, spool_age={0.001 if way == "too old" else 3600}))
        older.flush({LIMIT}, orphans=True)
        print(older.flush({LIMIT}), older.books.stats().transactions)
    """
    assert run_program(text, dsn, spool).stdout.startswith("True Counts(started=0, ")
    expected = {
        "too old": {("cache_overflow", "transaction"): 5, ("cache_overflow", "span"): 5},
        "damaged": {("internal_sdk_error", "transaction"): 1},
        "refused": {("send_error", "transaction"): 5, ("send_error", "span"): 5},
    }
    assert reported(server) == expected[way]


def test_what_was_lost_is_reported_at_a_flush(server, connect):
    exporter = connect(server)
    exporter.books.count("transactions", "started")
    exporter.books.count("spans", "started")
    exporter.books.count("transactions", "dropped:before_send")
    exporter.books.count("spans", "dropped:before_send")
    assert exporter.flush(LIMIT)
    (request,) = server.wait_for(1)
    (item,) = read_envelope(request.body).items
    assert item.type == "client_report"
    lost = {(entry["reason"], entry["category"]): entry["quantity"] for entry in item.json()["discarded_events"]}
    assert lost == {("before_send", "transaction"): 1, ("before_send", "span"): 1}


def test_eight_threads_at_once_lose_nothing(server, connect):
    exporter = connect(server)
    threads = [
        threading.Thread(target=export, args=(exporter, *(f"{worker}-{number}" for number in range(100))))
        for worker in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert exporter.flush(LIMIT)
    assert sorted(names(server)) == sorted(f"{worker}-{number}" for worker in range(8) for number in range(100))


def test_idle_connections_and_threads_end_with_close(server, connect):
    exporter = connect(server)
    export(exporter, "a")
    assert exporter.flush(LIMIT)
    sender = exporter._shipping._sender
    assert sender.is_running
    exporter.close(LIMIT)
    assert until(lambda: not sender.is_running)
