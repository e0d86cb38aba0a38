"""A record that the other side can never cope with: it is found, has its chances, and stands in nobody's way."""

import random

import pytest

from instrument.export import MemorySpool, Record, Rejects
from instrument.transport import Answer
from instrument.transport.http import HttpTransport
from tests.export.worlds import BAD, BUSY, DOWN, FORBIDDEN, LARGE, OK, World, limited
from tests.transport.servers import OK as TAKEN
from tests.transport.servers import Server, reset, status

LIMITED = [
    limited(retry_after="20"),
    limited(retry_after="0"),
    limited(x_sentry_rate_limits="60:replay"),
    limited(x_sentry_rate_limits="60:transaction"),
]
BROKEN = Answer("later", 500, detail="HTTP 500 Internal Server Error")


class Fragile:
    """A server that falls over some records."""

    def __init__(self, falls_over, answer=BROKEN):
        self.falls_over = falls_over
        self.answer = answer
        self.arrived = []
        self.tries = []

    def send(self, body):
        names = body.decode().split("\n")
        self.tries.append(names)
        if self.falls_over(names):
            return self.answer
        self.arrived += names
        return OK

    def close(self):
        pass


def poison(names):
    return any(name.startswith("poison") for name in names)


def numbers(count):
    return [str(number) for number in range(count)]


@pytest.mark.parametrize("answer", [BROKEN, BUSY, DOWN])
@pytest.mark.parametrize("size", [1, 10])
def test_it_is_given_up_and_all_others_arrive_once(answer, size, tmp_path):
    server = Fragile(poison, answer)
    world = World(max_records=size, transport=server, options={"rejects": Rejects(tmp_path / "there")})
    world.add(*numbers(20), "poison", *(f"later {number}" for number in range(100)))
    world.run(600.0)
    assert sorted(server.arrived) == sorted([*numbers(20), *(f"later {number}" for number in range(100))])
    stats = world.books.stats()
    assert stats.transactions.dropped == {"send_error": 1}
    assert stats.spans.dropped == {"send_error": 3}
    assert stats.balanced
    assert world.spool.is_empty
    (kept,) = (tmp_path / "there" / "rejected").iterdir()
    assert kept.read_bytes() == b"poison"


def test_it_has_a_minute_at_least_and_is_not_sent_all_the_time():
    server = Fragile(poison)
    world = World(transport=server)
    world.add("poison", *numbers(50))
    world.run(50.0)
    assert world.books.stats().transactions.dropped == {}
    world.run(100.0)
    assert world.books.stats().transactions.dropped == {"send_error": 1}
    assert server.tries.count(["poison"]) <= 12


def test_it_is_taken_when_the_server_is_mended_in_time():
    server = Fragile(poison)
    world = World(transport=server)
    world.add("poison", *numbers(50))
    world.run(40.0)
    server.falls_over = lambda names: False
    world.run(120.0)
    assert sorted(server.arrived) == sorted(["poison", *numbers(50)])
    assert world.books.stats().transactions.delivered == 51


def test_several_in_a_row_are_found_one_by_one():
    server = Fragile(poison)
    world = World(transport=server)
    world.add("0", "poison 1", "poison 2", "poison 3", *(f"later {number}" for number in range(40)))
    world.run(1200.0)
    assert len(server.arrived) == len(set(server.arrived)) == 41
    assert world.books.stats().transactions.dropped == {"send_error": 3}
    assert world.books.stats().balanced


class Choosy(Fragile):
    """A server that falls over some records and has an answer of its own to others."""

    def __init__(self, answers):
        super().__init__(poison)
        self.answers = answers

    def send(self, body):
        answer = super().send(body)
        return self.answers.get(body.decode(), answer)


def test_what_is_refused_ahead_of_it_is_sent_once_counted_and_set_aside(tmp_path):
    server = Choosy({"bad": BAD})
    world = World(transport=server, options={"rejects": Rejects(tmp_path / "there")})
    world.add("poison", "bad", "x")
    world.run(300.0)
    world.add(*numbers(30))
    world.run(300.0)
    assert server.tries.count(["bad"]) == 1
    stats = world.books.stats()
    assert (stats.transactions.rejected, stats.spans.rejected, stats.transactions.delivered) == (1, 3, 31)
    assert stats.transactions.dropped == {"send_error": 1}
    assert stats.balanced
    assert {file.read_bytes() for file in (tmp_path / "there" / "rejected").iterdir()} == {b"poison", b"bad"}


def test_what_others_are_refused_does_not_speak_against_it():
    server = Choosy({f"bad {number}": BAD for number in range(30)})
    world = World(transport=server)
    world.add("poison", *(f"bad {number}" for number in range(30)))
    world.run(3600.0)
    assert world.books.stats().transactions.dropped == {}
    server.falls_over = lambda names: False
    world.run(120.0)
    assert (world.books.stats().transactions.delivered, world.books.stats().transactions.rejected) == (1, 30)


def test_what_is_taken_ahead_of_it_without_some_spans_is_counted_so(caplog):
    server = Choosy({"half": Answer("accepted", 200, spans_refused=2, remark="rejected 2 spans")})
    world = World(transport=server)
    world.add("poison", "half", *numbers(30))
    world.run(300.0)
    stats = world.books.stats()
    assert (stats.spans.rejected, stats.spans.delivered) == (2, 31 * 3 - 2)
    assert stats.balanced
    assert "http://there rejected 2 spans" in caplog.messages


def test_what_is_too_large_ahead_of_it_is_sent_without_its_largest_attributes():
    server = Choosy({"large": LARGE})
    world = World(transport=server, options={"lean": lambda record: b"lean" if record == b"large" else None})
    world.add("poison", "large")
    world.run(30.0)
    assert server.arrived.count("lean") == 1
    server.falls_over = lambda names: False
    world.run(120.0)
    assert world.books.stats().transactions.delivered == 2


def test_what_runs_into_a_limit_ahead_of_it_is_dropped_by_the_letter_of_the_protocol():
    server = Choosy({"one too many": limited(x_sentry_rate_limits="60:transaction")})
    world = World(transport=server, options={"drops_when_limited": True})
    world.add("poison", "one too many", "x")
    world.run(30.0)
    stats = world.books.stats()
    assert stats.transactions.dropped == {"rate_limited": 1, "ratelimit_backoff": 1}
    assert stats.transactions.delivered == 1
    assert stats.balanced


def test_an_error_that_nobody_takes_does_not_hold_transactions():
    server = Fragile(poison)
    world = World(transport=server)
    world.add("poison", kind="error")
    world.add(*numbers(5))
    world.run(20.0)
    assert server.arrived == numbers(5)


def test_of_what_dead_processes_left_it_is_given_up_too():
    server = Fragile(poison)
    orphans = []
    world = World(transport=server, options={"adopt": lambda: orphans.pop() if orphans else None})
    orphan = MemorySpool(books=world.delivery._orphans_books)
    for name in ["poison", *numbers(10)]:
        orphan.append(Record("transaction", 1, name.encode()))
    orphans.append(orphan)
    world.delivery.look_for_orphans()
    world.run(300.0)
    assert sorted(server.arrived) == numbers(10)
    assert world.books.stats().transactions.dropped == {}
    assert world.delivery._orphans_books.stats().transactions.dropped == {"send_error": 1}


@pytest.mark.parametrize("answer", [DOWN, BROKEN])
def test_an_outage_speaks_against_no_record(answer):
    world = World()
    world.transport.always = answer
    world.add(*numbers(40))
    world.run(7200.0)
    assert world.books.stats().transactions.dropped == {}
    world.transport.always = OK
    world.run(120.0)
    assert sorted(world.arrived, key=int) == numbers(40)


def test_a_server_that_comes_and_goes_speaks_against_no_record():
    dice = random.Random(4)
    server = Fragile(lambda names: dice.random() < 0.3)
    world = World(transport=server)
    for hundred in range(5):
        world.add(*(f"{hundred}.{number}" for number in range(100)))
        world.run(1000.0)
    assert len(server.arrived) == len(set(server.arrived)) == 500
    assert world.books.stats().transactions.dropped == {}


@pytest.mark.parametrize("answer", [FORBIDDEN, *LIMITED])
def test_a_setting_and_a_limit_speak_against_no_record(answer):
    server = Fragile(poison, answer)
    world = World(transport=server)
    world.add("poison", *numbers(5))
    world.add(*numbers(5), kind="error")
    for number in range(20):
        world.run(300.0)
        world.add(f"later {number}", kind="error")
    assert world.books.stats().transactions.dropped == {}


def test_a_forked_child_suspects_nothing():
    server = Fragile(poison)
    world = World(transport=server)
    world.add("poison", *numbers(5))
    world.run(30.0)
    world.delivery.forget()
    assert world.delivery._suspects.choose((True, "transaction"), [Record("transaction", 1, b"poison")], 0.0) == (
        None,
        0.0,
    )


@pytest.mark.parametrize("way", ["500", "the connection breaks"])
def test_a_real_server_that_falls_over_one_record(way, tmp_path):
    def answer(request, connection):
        if request.body != b"poison":
            return TAKEN
        if way == "500":
            return status(500)
        reset(connection)
        return None

    with Server(answer) as server:
        transport = HttpTransport(server.url, {"Content-Type": "text/plain"})
        world = World(transport=transport, options={"rejects": Rejects(tmp_path / "there")})
        world.add("a", "poison", *numbers(20))
        world.run(300.0)
        transport.close()
        arrived = [request.body for request in server.received if request.body != b"poison"]
    assert sorted(arrived) == sorted(name.encode() for name in ["a", *numbers(20)])
    assert world.books.stats().transactions.dropped == {"send_error": 1}
    assert len(list((tmp_path / "there" / "rejected").iterdir())) == 1
