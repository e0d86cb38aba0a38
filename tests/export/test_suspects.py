"""A record that the other side can never cope with: it is found, has its chances, and stands in nobody's way."""

import random

import pytest

from instrument.export import MemorySpool, Record, Rejects
from instrument.transport import Answer
from instrument.transport.http import HttpTransport
from tests.export.worlds import BUSY, DOWN, FORBIDDEN, OK, World, limited
from tests.transport.servers import OK as TAKEN
from tests.transport.servers import Server, reset, status

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


@pytest.mark.parametrize("answer", [FORBIDDEN, limited(retry_after="20")])
def test_a_setting_and_a_limit_speak_against_no_record(answer):
    server = Fragile(poison, answer)
    world = World(transport=server)
    world.add("poison", *numbers(5))
    world.run(7200.0)
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
