"""What a server is told of what it will never see."""

from instrument._books import Books
from instrument.export.losses import Losses
from instrument.transport import Answer
from instrument.wire import EnvelopeCodec, read_envelope
from tests.export.worlds import BAD, DOWN, World, limited


def test_losses_are_added_up_by_reason_and_category():
    books = Books()
    books.count("transactions", "dropped:before_send", 2)
    books.count("spans", "dropped:before_send", 7)
    books.count("spans", "dropped:before_send", 1)
    books.count("errors", "dropped:queue_overflow")
    assert Losses(books).untold() == {
        ("before_send", "transaction"): 2,
        ("before_send", "span"): 8,
        ("queue_overflow", "error"): 1,
    }


def test_what_was_not_sampled_and_what_was_refused_has_the_servers_name():
    books = Books()
    books.count("transactions", "unsampled", 3)
    books.count("errors", "rejected")
    assert Losses(books).untold() == {("sample_rate", "transaction"): 3, ("send_error", "error"): 1}


def test_a_reason_that_servers_do_not_know_is_ours():
    books = Books()
    books.count("errors", "dropped:closed")
    assert Losses(books).untold() == {("internal_sdk_error", "error"): 1}


def test_what_never_ended_is_no_failure_of_ours():
    books = Books()
    books.count("transactions", "dropped:unfinished")
    books.count("spans", "dropped:unfinished", 3)
    books.count("transactions", "dropped:abandoned", 2)
    assert Losses(books).untold() == {("buffer_overflow", "transaction"): 3, ("buffer_overflow", "span"): 3}


def test_what_the_server_has_counted_itself_is_left_out():
    books = Books()
    books.count("errors", "dropped:rate_limited")
    assert Losses(books).untold() == {}


def test_what_was_delivered_or_waits_is_no_loss():
    books = Books()
    for outcome in ("started", "open", "spooled", "delivered", "folded"):
        books.count("spans", outcome)
    assert Losses(books).untold() == {}


def test_each_loss_is_told_once():
    books = Books()
    losses = Losses(books)
    books.count("errors", "unsampled", 2)
    losses.told(losses.untold())
    assert losses.untold() == {}
    books.count("errors", "unsampled")
    assert losses.untold() == {("sample_rate", "error"): 1}


def test_a_forked_child_tells_of_its_own_losses():
    world = World(options={"reports_losses": True})
    losses = world.delivery._losses
    losses.told({("sample_rate", "error"): 5})
    world.delivery.forget()
    world.books.count("errors", "unsampled", 2)
    assert losses.untold() == {("sample_rate", "error"): 2}


class Reporting(World):
    """A world whose server takes client reports; its bodies are envelopes."""

    def __init__(self, **options):
        super().__init__(options={"reports_losses": True, **options})
        self.delivery._codec = EnvelopeCodec(lambda: self.wall)

    @property
    def reports(self):
        envelopes = [read_envelope(body) for body in self.transport.bodies]
        return [item.json()["discarded_events"] for envelope in envelopes for item in envelope.items]


UNSAMPLED = [{"reason": "sample_rate", "category": "error", "quantity": 2}]


def test_a_report_goes_out_within_a_minute():
    world = Reporting()
    world.books.count("errors", "unsampled", 2)
    world.run(59.0)
    assert world.reports == []
    world.run(2.0)
    assert world.reports == [UNSAMPLED]
    world.run(300.0)
    assert world.reports == [UNSAMPLED]


def test_a_flush_asks_for_the_report_at_once():
    world = Reporting()
    world.books.count("errors", "unsampled", 2)
    world.delivery.report_now()
    assert not world.delivery.is_settled()
    world.run()
    assert world.reports == [UNSAMPLED]
    assert world.delivery.is_settled()


def test_nothing_is_reported_when_nothing_is_lost():
    world = Reporting()
    world.delivery.report_now()
    world.run(600.0)
    assert world.transport.tries == []


def test_a_report_that_did_not_arrive_is_told_with_the_next():
    world = Reporting()
    world.answer(DOWN)
    world.books.count("errors", "unsampled", 2)
    world.delivery.report_now()
    world.run(30.0)
    assert world.reports == []
    world.run(60.0)
    assert world.reports == [UNSAMPLED]


def test_a_report_that_is_refused_is_not_repeated():
    world = Reporting()
    world.answer(BAD)
    world.books.count("errors", "unsampled", 2)
    world.run(600.0)
    assert len(world.transport.tries) == 1


def test_what_a_server_itself_turned_away_for_now_is_in_no_report():
    world = Reporting()
    world.answer(limited(retry_after="1"))
    world.add("a")
    world.delivery._codec.join = lambda records: b"{}"
    world.run(5.0)
    assert Losses(world.books).untold() == {}


def test_a_limit_on_everything_stops_reports_too():
    world = Reporting()
    world.answer(Answer("accepted", 200, {"x-sentry-rate-limits": "100::key"}))
    world.books.count("errors", "unsampled", 2)
    world.run(61.0)
    world.books.count("errors", "unsampled", 2)
    world.delivery.report_now()
    world.run(50.0)
    assert len(world.reports) == 1


def test_a_destination_that_knows_no_reports_gets_none():
    world = World()
    world.books.count("errors", "unsampled", 2)
    world.delivery.report_now()
    world.run(600.0)
    assert world.transport.tries == []


def test_a_report_that_was_asked_for_is_owed_until_it_has_gone_out():
    """A flush waits for it; a program that ends right after that would take it along."""
    books = Books()
    losses = Losses(books)
    books.count("errors", "unsampled")
    assert losses.is_settled
    losses.ask()
    assert not losses.is_settled
    tally = losses.begin(1.0)
    assert tally == {("sample_rate", "error"): 1}
    assert not losses.is_settled
    losses.told(tally)
    losses.end(1.0)
    assert losses.is_settled


def test_what_is_asked_for_while_a_report_is_on_its_way_is_still_owed():
    books = Books()
    losses = Losses(books)
    books.count("errors", "unsampled")
    losses.ask()
    tally = losses.begin(1.0)
    books.count("errors", "unsampled")
    losses.ask()
    losses.told(tally)
    losses.end(1.0)
    assert not losses.is_settled


def test_without_being_asked_a_report_is_due_once_a_minute():
    losses = Losses(Books(), now=100.0)
    assert [losses.begin(100.0 + after) for after in (0, 59.9)] == [None, None]
    assert losses.begin(160.0) == {}
    losses.end(160.0)
    assert losses.begin(219.9) is None
