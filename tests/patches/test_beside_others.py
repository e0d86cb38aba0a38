"""Beside other tools in one process everybody's spans are whole, and a server is told of one trace by each header."""

import itertools
import json
import subprocess
import sys

import pytest

from tests.contracts.web import LIMIT
from tests.examples.sink import environment

MINE = {"Baggage": "mine=1;p=2"}
TOGETHER = {
    "sentry-sdk": ("sentry_sdk", ("ours", "sentry")),
    "opentelemetry": ("opentelemetry.instrumentation.httpx", ("ours", "otel")),
    "both": ("opentelemetry.instrumentation.httpx", ("ours", "otel", "sentry")),
}
ORDERS = [
    pytest.param(module, begin, end, id=f"{' '.join(begin)} - {' '.join(end)}")
    for module, tools in TOGETHER.values()
    for begin, end in itertools.product([tools, tools[::-1]], repeat=2)
]


def phases(begin, end, headers):
    """What the server was sent, and what each tool recorded: before anybody ended, and after each end."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "tests.patches.beside_others",
            json.dumps([begin, end, headers]),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("module", "begin", "end"), ORDERS)
def test_each_tool_records_and_the_server_hears_of_one_trace(module, begin, end):
    for name in ("sentry_sdk", module):
        pytest.importorskip(name)
    live = set(begin)
    for ended, phase in zip([None, *end], phases(begin, end, MINE), strict=True):
        live.discard(ended)
        for library, told in phase.items():
            asked = {tool for tool in live if tool != "otel" or library != "http.client"}
            for tool in begin:
                assert [span[1] for span in told[tool]] == (["ok"] if tool in asked else []), (tool, library, phase)
            check_headers(told["sent"], {tool: told[tool][0][2:] for tool in asked}, asked)


def check_headers(sent, ids, asked):
    """Whoever comes first chooses the trace of a header; of the program's own baggage nothing is lost."""
    members = ",".join(sent["baggage"]).split(",")
    assert "mine=1;p=2" in members or "mine=1" in members
    speaker = next((tool for tool in ("sentry", "ours") if tool in asked), None)
    if speaker is None:
        assert "sentry-trace" not in sent and len(members) == 1
    else:
        trace_id, span_id = ids[speaker]
        assert sent["sentry-trace"] == [f"{trace_id}-{span_id}-1"]
        assert [one for one in members if one.startswith("sentry-trace_id=")] == [f"sentry-trace_id={trace_id}"]
    assert len(sent["baggage"]) == 1 or "ours" not in asked
    speaker = next(
        (tool for tool in ("otel", "ours") if tool in asked and (tool == "otel" or "sentry" not in asked)), None
    )
    told = [value.split("-")[1:3] for value in sent.get("traceparent", [])]
    assert told == ([ids[speaker]] if speaker else [])


@pytest.mark.parametrize("begin", [("ours", "sentry"), ("sentry", "ours")], ids=" ".join)
def test_without_baggage_of_the_programs_own_there_is_one_line(begin):
    pytest.importorskip("sentry_sdk")
    (first,) = phases(begin, [], {})
    assert [[len(values) for values in told["sent"].values()] for told in first.values()] == [[1, 1]] * 3
