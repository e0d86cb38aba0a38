"""The tests of Python's own, and of requests, turn out with our patches on exactly as they do with them off."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.suites import differences, differing_in, outcomes_of_pytest

NO_HEADERS = {"INSTRUMENT_TRACE_PROPAGATION_TARGETS": "none"}
COMPARES_BYTES = {
    "test.test_httplib.BasicTest.test_send_file",
    "test.test_httplib.BasicTest.test_send_iter",
    "test.test_httplib.HeaderTests.test_ipv6host_header",
}
"""Tests that compare a whole request, byte by byte: they see the headers that continue the trace."""

LOGGING = ("test_race", "test_listen", "test_noserver", "rollover", "test_issue_89047", "queue_handler")
SUBPROCESS = ("NoPoll", "check_output_timeout", "_dead", "test_communicate_", "test_leaking_fds")
"""What mostly waits is left out, and what is there twice."""


def need(name):
    pytest.importorskip(name, reason="needs Python with its own tests")


@pytest.mark.parametrize(
    ("names", "left_out", "least"),
    [
        (["test.test_urllib", "test.test_urllib2", "test.test_urllib2_localnet"], (), 10),
        (["test.test_httpservers"], (), 10),
        (["test.test_logging"], LOGGING, 0),
        (["test.test_subprocess"], SUBPROCESS, 100),
    ],
    ids=["urllib", "http.server", "logging", "subprocess"],
)
def test_pythons_own_tests_turn_out_as_without_us(names, left_out, least):
    need(names[0])
    off, on, differing = differences(names, left_out)
    assert differing == {}
    assert len(off.tests) > 70
    assert (off.spans, on.spans >= least) == (0, True)


def test_pythons_own_tests_of_http_client_see_the_headers_of_the_trace_and_nothing_else():
    need("test.test_httplib")
    off, on, differing = differences(["test.test_httplib"])
    assert set(differing) == COMPARES_BYTES
    assert len(off.tests) > 100 and on.spans > 10
    off, on, differing = differences(["test.test_httplib"], **NO_HEADERS)
    assert differing == {}
    assert on.spans > 10


def test_the_tests_of_requests_turn_out_as_without_us():
    folder = Path(sys.prefix, "suites")
    archive = folder / f"requests-{version('requests')}.tar.gz"
    if not archive.exists():
        pytest.skip(f"{archive} is not there; scripts/test fetches it")
    # Left out: what asks for hosts beyond this machine, what mostly waits, and a test that is right as long as the
    # server's echo of its request is short: it grows by the headers of the trace.
    choice = "not TestTimeout and not test_errors and not verify_bundle and not digestauth_401 and not reentrant"
    off, on = outcomes_of_pytest(
        archive, ["-q", "-k", choice, "tests/test_requests.py"], PYTHONPATH=str(folder / "packages")
    )
    assert differing_in(off, on) == {}
    assert sum(outcome == "passed" for outcome in on.tests.values()) > 250
    assert on.spans > 100
