"""The examples do what their docstrings say: each is run as a user runs it, with a DSN in the environment."""

from pathlib import Path

import pytest

from tests.examples.sink import ROOT, run

EXAMPLES = ROOT / "examples"
NOT_A_PROGRAM = {"callee.py"}


def example(name):
    return run(EXAMPLES / name)


def trace_of(event):
    return event["contexts"]["trace"]


def shape(event):
    """Op and description of each child, with its parent: "root", or the description of another child."""
    names = {trace_of(event)["span_id"]: "root", **{span["span_id"]: span["description"] for span in event["spans"]}}
    return [(span["op"], span["description"], names[span["parent_span_id"]]) for span in event["spans"]]


def test_first_minute():
    arrived = example("first_minute.py")
    [transaction] = arrived.transactions
    assert (transaction["transaction"], trace_of(transaction)["op"]) == ("nightly", "job")
    assert shape(transaction) == 3 * [
        ("task", "process_item", "root"),
        ("encode", "parse avatar images", "process_item"),
    ]
    assert [span["data"]["bytes"] for span in transaction["spans"] if span["op"] == "encode"] == [3, 3, 5]
    assert arrived.errors == []


def test_a_manual_transaction_on_the_scope_has_the_request_as_child_and_lends_the_error_its_context():
    arrived = example("manual_transaction_on_scope.py")
    [transaction], [error] = arrived.transactions, arrived.errors
    trace = trace_of(transaction)
    assert (transaction["transaction"], trace["op"]) == ("first transaction", "test")

    [request] = transaction["spans"]
    assert (request["op"], request["parent_span_id"]) == ("http.client", trace["span_id"])
    assert request["description"].startswith("GET http://127.0.0.1:")
    assert (request["status"], request["tags"]["http.status_code"]) == ("ok", "200")

    assert trace_of(error)["trace_id"] == trace["trace_id"]
    assert trace_of(error)["span_id"] == trace["span_id"]
    assert error["transaction"] == "first transaction"
    assert error["exception"]["values"][-1]["type"] == "KeyError"
    assert arrived.output == f"sentry-trace: {trace['trace_id']}-{request['span_id']}-1\n"


def test_a_manual_transaction_by_itself_has_no_child_and_nobody_else_knows_it():
    arrived = example("manual_transaction_alone.py")
    [transaction], [error] = arrived.transactions, arrived.errors
    assert transaction["transaction"] == "first transaction"
    assert transaction["spans"] == []
    assert trace_of(error)["trace_id"] != trace_of(transaction)["trace_id"]
    assert trace_of(error)["span_id"] != trace_of(transaction)["span_id"]
    assert "transaction" not in error
    assert arrived.output.startswith("sentry-trace: ")
    assert trace_of(transaction)["trace_id"] not in arrived.output


def test_a_worker_loop_makes_a_trace_for_each_item():
    arrived = example("worker_loop.py")
    assert sorted(one["transaction"] for one in arrived.transactions) == ["publish", "publish", "resize", "resize"]
    assert {trace_of(one)["op"] for one in arrived.transactions} == {"task"}
    assert len({trace_of(one)["trace_id"] for one in arrived.transactions}) == 4

    by_first_child = {one["spans"][0]["description"]: one for one in arrived.transactions}
    for number, kind, size in [(1, "resize", 9), (3, "publish", 6), (4, "publish", 12)]:
        transaction = by_first_child[f"{kind} {number}"]
        loading, encoding = transaction["spans"]
        assert shape(transaction) == [
            ("load", f"{kind} {number}", "root"),
            ("encode", "parse avatar images", "root"),
        ]
        assert loading["tags"] == {"kind": kind}
        assert encoding["data"]["bytes"] == size

    [loading] = by_first_child["resize 2"]["spans"]
    assert loading["status"] == "invalid_argument"


def test_the_running_transaction_is_retrieved_or_is_none():
    arrived = example("retrieve_transaction.py")
    [transaction] = arrived.transactions
    assert transaction["transaction"] == "POST /avatars"
    assert shape(transaction) == [
        ("middleware", "session", "root"),
        ("encode", "parse avatar images", "root"),
    ]
    assert arrived.output == "no transaction\n"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_is_tested_here(path):
    tests = Path(__file__).read_text("utf-8")
    assert path.name in NOT_A_PROGRAM or f'example("{path.name}")' in tests
