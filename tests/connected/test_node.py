"""A trace goes through a Node service between two of Python. Seen with @sentry/node 11.12.0."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

import instrument
from tests.examples.sink import environment

HERE = Path(__file__).parent
LIMIT = 30.0


@contextmanager
def service(*command, **variables):
    """Run a service; its address. It has delivered all it recorded when the block has ended."""
    with subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    ) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.stdin.close()
            assert process.wait(LIMIT) == 0


@contextmanager
def node_and_python(dsn, node, lifecycle, rate):
    """Run the two others, of another release and environment, which would sample at `rate`; the address of Node's."""
    own = {"INSTRUMENT_TRACES_SAMPLE_RATE": rate, "INSTRUMENT_RELEASE": "last@3", "INSTRUMENT_ENVIRONMENT": "back"}
    with (
        service(sys.executable, HERE / "last.py", SENTRY_DSN=dsn, **own) as last,
        service(node, HERE / "service.mjs", dsn, lifecycle, rate, last) as middle,
    ):
        yield middle


def ask(url):
    """The `sentry-trace` that reaches the last service."""
    with urlopen(url, timeout=LIMIT) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("lifecycle", ["stream", "static"])
def test_python_node_and_python_are_one_trace(sink, node, lifecycle):
    instrument.init(sink.dsn, release="first@1", environment="front")
    with node_and_python(sink.dsn, node, lifecycle, rate="0") as url, instrument.transaction("job", "nightly") as job:
        told = ask(url)
    assert instrument.flush(LIMIT)

    spans = sink.ancestry("GET /last", 5)
    assert [span.op for span in spans] == ["http.server", "http.client", "http.server", "http.client", "job"]
    assert {span.trace_id for span in spans} == {job.trace_id}
    assert told == f"{job.trace_id}-{spans[1].span_id}-1"
    first = spans[-1]
    assert first.sampling == {
        "trace_id": job.trace_id,
        "public_key": "0123456789abcdef0123456789abcdef",
        "release": "first@1",
        "environment": "front",
        "transaction": "nightly",
        "sampled": "true",
        "sample_rate": "1.0",
        "sample_rand": first.sampling["sample_rand"],
    }
    assert [span.sampling for span in spans] == [first.sampling] * 5


def test_what_the_first_did_not_sample_neither_node_nor_the_last_sends(sink, node):
    instrument.init(sink.dsn)
    with (
        node_and_python(sink.dsn, node, "stream", rate="1") as url,
        instrument.transaction("job", "nightly", sampled=False) as job,
    ):
        trace_id, _, sampled = ask(url).split("-")
    assert instrument.flush(LIMIT)
    assert (trace_id, sampled) == (job.trace_id, "0")
    assert sink.spans == []
