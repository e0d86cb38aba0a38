"""logging: records know their trace, leave breadcrumbs and become events."""

import json
import logging
import threading

import pytest

import instrument
from instrument.exporters import Memory
from instrument.patches.logging import Logging
from instrument.wire import encode_event
from tests.contracts.envelopes import Sink
from tests.relay_check import assert_relay_accepts


@pytest.fixture
def memory():
    memory = Memory()
    instrument.init(exporter=memory)
    return memory


@pytest.fixture
def log():
    logger = logging.getLogger("shop.cart")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.setLevel(logging.NOTSET)


class Lines(logging.Handler):
    def __init__(self, form):
        super().__init__()
        self.setFormatter(logging.Formatter(form))
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def lines(log):
    handler = Lines("%(trace_id)s %(span_id)s %(message)s")
    log.addHandler(handler)
    yield handler.lines
    log.removeHandler(handler)


def test_a_record_knows_the_span_it_was_made_in(memory, log, lines):
    with instrument.transaction("a", "b") as tx, instrument.span("c", "d") as child:
        log.debug("inside")
        assert lines == [f"{tx.trace_id} {child.span_id} inside"]


def test_outside_of_a_transaction_it_knows_the_trace_of_the_scope(memory, log, lines):
    log.info("outside")
    trace_id, span_id, _ = lines[0].split()
    assert instrument.trace_headers()["sentry-trace"].startswith(f"{trace_id}-{span_id}")


def test_after_close_a_format_that_asks_for_the_trace_still_works(memory, log, lines):
    instrument.close()
    log.info("closed")
    assert lines == [f"{'0' * 32} {'0' * 16} closed"]


def test_records_leave_breadcrumbs_from_info_on(memory, log):
    log.debug("not this")
    log.info("hello %s, %d times", "world", 2)
    log.warning("careful")
    instrument.capture_message("x")
    crumbs = memory.errors[0].breadcrumbs
    assert [(crumb["level"], crumb["category"], crumb["message"]) for crumb in crumbs] == [
        ("info", "shop.cart", "hello world, 2 times"),
        ("warning", "shop.cart", "careful"),
    ]


def test_an_exception_that_is_logged_is_an_event(memory, log):
    try:
        [][1]
    except IndexError:
        log.exception("cart %d is broken", 7, extra={"shop": "north"})
    (event,) = memory.errors
    assert event.exceptions[-1]["type"] == "IndexError"
    assert event.exceptions[-1]["mechanism"] == {"type": "logging", "handled": True, "exception_id": 0}
    assert event.logentry == {"message": "cart %d is broken", "formatted": "cart 7 is broken", "params": [7]}
    assert (event.logger, event.level, event.extra) == ("shop.cart", "error", {"shop": "north"})
    assert_relay_accepts(json.loads(encode_event(event)))


@pytest.mark.parametrize(("verb", "level"), [("error", "error"), ("critical", "fatal")])
def test_an_error_without_an_exception_is_an_event_too(memory, log, verb, level):
    getattr(log, verb)("no %(what)s", {"what": "stock"})
    (event,) = memory.errors
    assert (event.level, event.logentry["formatted"], event.logentry["params"]) == (
        level,
        "no stock",
        {"what": "stock"},
    )
    assert_relay_accepts(json.loads(encode_event(event)))


def test_an_exception_that_is_captured_and_logged_is_one_event(memory, log):
    try:
        raise ValueError
    except ValueError:
        instrument.capture_exception()
        log.exception("again")
        logging.getLogger("other").exception("and again")
    assert len(memory.errors) == 1


def test_no_code_of_the_program_runs_for_its_arguments(memory, log):
    class Hostile:
        def __repr__(self):
            raise SystemExit(3)

        __str__ = __format__ = __repr__

    log.propagate = False
    log.addHandler(logging.NullHandler())
    log.error("%s is %r", Hostile(), [Hostile()])
    log.error("%d apples", Hostile())
    log.propagate = True
    first, second = (event.logentry["formatted"] for event in memory.errors)
    assert "Hostile>" in first and second == "%d apples"


def test_levels_and_loggers_are_chosen_by_configuring_the_patch(log):
    memory = Memory()
    patch = Logging(level=logging.DEBUG, event_level=None, ignore=["noisy"])
    instrument.init(exporter=memory, integrations=[patch])
    log.debug("a")
    log.error("b")
    logging.getLogger("noisy.part").error("c")
    assert memory.errors == []
    instrument.capture_message("x")
    assert [crumb["message"] for crumb in memory.errors[0].breadcrumbs] == ["a", "b"]


def test_our_own_lines_and_those_of_a_suppressed_block_leave_nothing(memory, log):
    logging.getLogger("instrument").error("ours")
    with instrument.suppress():
        log.error("suppressed")
    instrument.capture_message("x")
    (event,) = memory.errors
    assert event.breadcrumbs == []


def test_a_hook_that_logs_does_not_feed_itself(log):
    memory = Memory()
    hooked = []

    def hook(what, hint):
        hooked.append(what)
        log.error("in a hook")
        return what

    instrument.init(exporter=memory, before_breadcrumb=hook, before_send=hook)
    log.error("once")
    assert len(memory.errors) == 1
    assert len(hooked) <= 3


def test_what_the_libraries_below_us_log_while_sending_is_our_own_work():
    """requests and urllib3 log every connection; none of that may come back as data of the program's."""
    below = logging.getLogger("urllib3")
    below.setLevel(logging.DEBUG)
    told = Lines("%(message)s")
    below.addHandler(told)
    try:
        with Sink() as sink:
            instrument.init(sink.dsn, integrations=[Logging(level=logging.DEBUG, event_level=logging.DEBUG)])
            for number in range(3):
                instrument.capture_message(f"message {number}")
                assert instrument.flush(30)
            instrument.close()
    finally:
        below.removeHandler(told)
        below.setLevel(logging.NOTSET)
    assert told.lines
    assert [event["message"] for event in sink.events] == ["message 0", "message 1", "message 2"]
    assert all("breadcrumbs" not in event for event in sink.events)


def test_a_storm_of_log_lines_is_held_back(memory, log):
    log.propagate = False
    log.addHandler(logging.NullHandler())

    def run():
        for number in range(1000):
            log.error("order %d failed", number)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.propagate = True
    counted = instrument.stats().errors
    assert len(memory.errors) < 300
    assert counted.started == 4000 and counted.balanced


def test_a_record_that_cannot_be_formatted_is_shown_as_it_is(memory, log):
    log.propagate = False
    log.addHandler(logging.NullHandler())
    log.error("%d %s", "x")
    log.error(object())
    log.propagate = True
    assert [event.logentry["message"] for event in memory.errors] == ["%d %s", "<object>"]
