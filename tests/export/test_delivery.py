"""What follows from each answer, step by step, with a clock that only the test moves."""

import pytest

from instrument._books import Books
from instrument.export import Backoff, MemorySpool, Record, Rejects
from instrument.transport import Answer
from tests.export.worlds import BAD, BUSY, DOWN, FORBIDDEN, LARGE, MOVED, OK, World, limited


def numbers(*bounds):
    return [str(number) for number in range(*bounds)]


def test_what_is_accepted_is_delivered_in_order_and_done():
    world = World()
    world.add("a", "b", "c")
    world.run()
    assert world.arrived == ["a", "b", "c"]
    assert world.spool.is_empty
    assert world.books.total("transactions", "delivered") == 3
    assert world.books.total("spans", "delivered") == 9
    assert world.books.stats().balanced


def test_a_body_holds_as_many_records_as_the_codec_allows():
    world = World(max_records=4)
    world.add(*numbers(10))
    world.run()
    assert [len(names) for names in world.tried] == [4, 4, 2]


def test_errors_go_first():
    world = World()
    world.add("t1", "t2")
    world.add("e1", kind="error")
    world.run()
    assert world.arrived == ["e1", "t1", "t2"]


@pytest.mark.parametrize("answer", [DOWN, BUSY, Answer("later", 408), Answer("later", 425), Answer("unreachable", 200)])
def test_what_is_not_taken_now_is_kept_and_sent_again(answer):
    world = World()
    world.add("a", "b")
    world.answer(answer)
    world.run()
    assert world.arrived == []
    assert world.books.total("transactions", "spooled") == 2
    world.run(1.0)
    assert world.arrived == ["a", "b"]
    assert world.books.stats().balanced


def test_an_hour_without_a_server_costs_nothing_but_time():
    world = World(max_records=10)
    world.transport.always = DOWN
    for hour_part in range(60):
        world.add(str(hour_part))
        world.run(60.0)
    tries = len(world.transport.tries)
    assert 60 <= tries <= 80
    world.transport.always = OK
    world.run(61.0)
    assert world.arrived == numbers(60)
    assert world.books.stats().balanced


def test_an_open_breaker_lets_one_record_through_at_a_time():
    world = World(max_records=50)
    world.add(*numbers(50))
    world.answer(DOWN, DOWN, DOWN, DOWN)
    world.run(60.0)
    assert [len(names) for names in world.tried][:5] == [50, 50, 50, 1, 1]
    assert sorted(world.arrived, key=int) == numbers(50)


def test_the_backlog_of_an_outage_is_paced_in_widening_bursts():
    world = World()
    world.add(*numbers(20))
    world.answer(DOWN)
    world.run(0.5)
    sent = []
    for _ in range(5):
        sent.append(len(world.arrived))
        world.run(0.1)
    assert sent == [1, 3, 7, 15, 20]


def test_without_an_outage_nothing_is_paced():
    world = World()
    world.add(*numbers(500))
    world.run()
    assert len(world.arrived) == 500


def test_a_server_asking_for_time_gets_it():
    world = World(chance=0.0)
    world.add("a")
    world.answer(Answer("later", 503, {"retry-after": "20"}))
    world.run(19.9)
    assert len(world.transport.tries) == 1
    world.run(0.2)
    assert world.arrived == ["a"]


def test_a_limited_category_is_held_until_the_limit_ends_and_the_others_go_on():
    world = World()
    world.add("t1", "t2")
    world.answer(limited(x_sentry_rate_limits="60:transaction:key"))
    world.run()
    world.add("e1", "e2", kind="error")
    world.run(59.0)
    assert world.arrived == ["e1", "e2"]
    assert world.tried == [["t1"], ["e1"], ["e2"]]
    world.run(2.0)
    assert world.arrived == ["e1", "e2", "t1", "t2"]
    assert world.books.stats().balanced


def test_a_limit_in_the_answer_to_an_accepted_body_holds_the_next_one():
    world = World()
    world.add("t1", "t2")
    world.answer(Answer("accepted", 200, {"x-sentry-rate-limits": "30:transaction"}))
    world.run(29.0)
    assert world.arrived == ["t1"]
    world.run(2.0)
    assert world.arrived == ["t1", "t2"]


def test_after_a_limit_the_backlog_is_paced():
    world = World()
    world.add(*numbers(10))
    world.answer(limited(retry_after="5"))
    world.run(5.0)
    assert len(world.arrived) == 1
    world.run(0.1)
    assert len(world.arrived) == 3


def test_a_429_for_categories_that_are_not_ours_is_an_ordinary_failure():
    world = World()
    world.add("a")
    world.answer(limited(x_sentry_rate_limits="60:replay"))
    world.run(0.4)
    assert len(world.transport.tries) == 1
    world.run(1.0)
    assert world.arrived == ["a"]


def test_retry_after_holds_nothing_that_the_rate_limits_do_not():
    world = World()
    world.add("t1")
    world.answer(limited(x_sentry_rate_limits="60:error", retry_after="30"))
    world.run(1.0)
    assert world.arrived == ["t1"]


def test_a_server_that_asks_for_no_time_is_asked_again_at_once_and_then_less_and_less_often():
    world = World()
    world.transport.always = limited(retry_after="0")
    world.add("a")
    world.run(0.6)
    assert len(world.tried) == 2
    world.run(600.0)
    assert 10 < len(world.tried) < 25
    world.transport.always = OK
    world.run(61.0)
    assert world.arrived == ["a"]


def test_by_the_letter_of_the_protocol_what_is_limited_is_dropped():
    world = World(options={"drops_when_limited": True})
    world.add("t1", "t2", "t3")
    world.answer(limited(x_sentry_rate_limits="60:transaction"))
    world.run(1.0)
    assert world.arrived == []
    assert world.spool.is_empty
    stats = world.books.stats()
    # The first one the server has counted itself.
    assert stats.transactions.dropped == {"rate_limited": 1, "ratelimit_backoff": 2}
    assert stats.spans.dropped == {"rate_limited": 3, "ratelimit_backoff": 6}
    world.run(61.0)
    world.add("t4")
    world.run()
    assert world.arrived == ["t4"]
    assert world.books.stats().balanced


class Picky:
    """A server that refuses bodies it does not like."""

    def __init__(self, dislikes, answer=BAD):
        self.dislikes = dislikes
        self.answer = answer
        self.arrived = []
        self.tries = 0

    def send(self, body):
        self.tries += 1
        names = body.decode().split("\n")
        if self.dislikes(names):
            return self.answer
        self.arrived += names
        return OK

    def close(self):
        pass


@pytest.mark.parametrize("culprit", ["0", "1", "100", "254", "255", "499"])
@pytest.mark.parametrize("answer", [BAD, LARGE, Answer("refused", 422), Answer("refused", 415)])
def test_one_record_that_is_refused_is_found_and_set_aside_alone(culprit, answer):
    server = Picky(lambda names: culprit in names, answer)
    world = World(max_records=256, transport=server)
    world.add(*numbers(500))
    world.run(60.0)
    assert server.arrived == [number for number in numbers(500) if number != culprit]
    assert world.books.total("transactions", "rejected") == 1
    assert world.books.total("spans", "rejected") == 3
    assert world.books.stats().balanced
    assert server.tries < 60


def test_bodies_shrink_to_what_the_server_takes_and_grow_slowly():
    server = Picky(lambda names: len(names) > 20, LARGE)
    world = World(max_records=256, transport=server)
    world.add(*numbers(1000))
    world.run(60.0)
    assert server.arrived == numbers(1000)
    assert server.tries < 100


def test_a_refusal_is_said_and_counted_and_stops_nobody(caplog):
    world = World()
    world.add("a", "bad", "c")
    world.answer(OK, BAD)
    world.run()
    assert world.arrived == ["a", "c"]
    assert world.books.total("transactions", "rejected") == 1
    assert [record.getMessage() for record in caplog.records] == [
        "http://there refused one transaction (HTTP 400 Bad Request)"
    ]


@pytest.mark.parametrize("answer", [FORBIDDEN, MOVED, Answer("later", 401), Answer("later", 404), Answer("later", 302)])
def test_a_wrong_address_is_said_once_tried_rarely_and_loses_nothing(answer, caplog):
    world = World()
    world.transport.always = answer
    world.add("a")
    world.run(3600.0)
    assert 10 <= len(world.transport.tries) <= 12
    assert len(caplog.records) == 1
    world.transport.always = OK
    world.run(400.0)
    assert world.arrived == ["a"]


def test_an_outage_is_one_line_however_long_it_lasts_and_the_next_one_another(caplog):
    world = World()
    world.transport.always = DOWN
    world.add("a")
    world.run(3600.0)
    assert [record.getMessage() for record in caplog.records] == [
        "http://there does not take anything now (ConnectionRefusedError: Connection refused); what is recorded is kept"
    ]
    assert caplog.records[0].levelname == "WARNING"


def test_nothing_is_said_once_logging_may_be_gone(caplog):
    world = World()
    world.delivery.is_quiet = True
    world.answer(DOWN, BAD)
    world.add("a")
    world.run(60.0)
    assert caplog.records == []


def test_a_halted_delivery_sends_nothing_more():
    world = World()
    world.add(*numbers(5))
    accept = world.transport.send

    def halting(body):
        world.delivery.is_halted = True
        return accept(body)

    world.transport.send = halting
    world.run()
    assert world.arrived == ["0"]
    assert world.spool.pending("transaction")[0] == 4


def left_behind(world, *records):
    source = MemorySpool(books=world.books.__class__())
    for kind, name in records:
        source.append(Record(kind, 1, name.encode()))
    source.closed = 0

    def close():
        source.closed += 1

    source.close = close
    return source


def test_what_dead_processes_left_is_sent_and_let_go_without_a_mark_in_our_books():
    world = World()
    orphans = [left_behind(world, ("error", "o1"), ("transaction", "o2")), left_behind(world, ("transaction", "o3"))]
    waiting = list(orphans)
    world.delivery._adopt = lambda: waiting.pop(0) if waiting else None
    world.run()
    assert world.arrived == ["o1", "o2", "o3"]
    assert [source.closed for source in orphans] == [1, 1]
    assert not world.delivery.has_orphans()
    assert world.books.total("transactions", "delivered") == 0
    assert world.books.stats().balanced


def test_orphans_are_looked_for_every_minute():
    world = World()
    looked = []
    world.delivery._adopt = lambda: looked.append(world.now)
    world.run(125.0)
    assert looked == [1000.0, 1060.0, 1120.0]


def test_a_look_that_is_asked_for_while_another_ends_is_not_forgotten():
    world = World()
    looked = []

    def adopt():
        looked.append(world.now)
        if len(looked) == 1:
            world.delivery.look_for_orphans()  # as another thread may, at just this moment

    world.delivery._adopt = adopt
    world.delivery.step()
    assert world.delivery.has_orphans()
    world.delivery.step()
    assert len(looked) == 2
    assert not world.delivery.has_orphans()


def test_own_errors_go_before_orphans_and_orphans_do_not_wait_for_the_last_of_ours():
    world = World()
    orphan = left_behind(world, ("error", "oe"), ("transaction", "o1"), ("transaction", "o2"))
    world.delivery._orphan = orphan
    world.add(*numbers(40))
    world.add("e", kind="error")
    world.run()
    assert world.arrived[:2] == ["e", "oe"]
    assert set(world.arrived) == {"e", "oe", "o1", "o2", *numbers(40)}
    assert world.arrived.index("o2") < world.arrived.index("39")


def test_orphans_are_kept_while_the_server_is_down_or_limits_them():
    world = World()
    orphan = left_behind(world, ("transaction", "o1"))
    world.delivery._orphan = orphan
    world.answer(DOWN, limited(x_sentry_rate_limits="30:transaction"))
    world.run(20.0)
    assert orphan.closed == 0
    world.run(30.0)
    assert world.arrived == ["o1"]
    assert orphan.closed == 1


def test_after_the_machine_slept_connections_are_dropped_and_it_tries_at_once():
    world = World()
    world.transport.always = DOWN
    world.add("a")
    world.run(600.0)
    world.transport.always = OK
    closed = world.transport.closed
    world.wall += 3600 * 10**9
    world.run(0.01)
    assert world.transport.closed == closed + 1
    assert world.arrived == ["a"]


@pytest.mark.parametrize("step", [-3600, 3600, 10 * 365 * 86400])
def test_a_clock_that_is_set_changes_nothing_lasting(step):
    world = World()
    world.answer(limited(x_sentry_rate_limits="60:transaction"))
    world.add("a")
    world.run(1.0)
    world.wall += step * 10**9
    world.run(61.0)
    assert world.arrived == ["a"]


def test_the_state_of_one_destination_is_seen_from_outside():
    world = World()
    assert not world.delivery.is_troubled(0.5)
    world.answer(DOWN)
    world.add("a")
    world.run()
    assert world.delivery.is_troubled(0.5)
    assert world.delivery.backoff == Backoff(attempt=1, failures=1, not_before=world.now + 0.5, burst=1)


def test_what_is_left_out_of_an_accepted_body_is_rejected_and_kept_aside(tmp_path):
    world = World(max_records=4, options={"rejects": Rejects(tmp_path / "spool" / "there")})
    world.add("a", "b", "c", spans=2)
    world.add("d", spans=5)
    world.answer(Answer("accepted", left_out=(1, 3)))
    world.run()
    stats = world.books.stats()
    assert (stats.transactions.delivered, stats.transactions.rejected) == (2, 2)
    assert (stats.spans.delivered, stats.spans.rejected) == (4, 7)
    assert stats.balanced and world.spool.is_empty
    assert len(world.tried) == 1
    kept = (tmp_path / "spool" / "there" / "rejected").iterdir()
    assert sorted(path.read_bytes() for path in kept) == [b"b", b"d"]


def test_a_remark_on_a_report_changes_no_books():
    world = World()
    world.spool.append(Record("report", 0, b"report"))
    world.answer(Answer("accepted", 200, remark="says: thanks", spans_refused=1))
    world.run()
    assert world.arrived == ["report"]
    assert world.books.stats() == Books().stats()
