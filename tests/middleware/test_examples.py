"""The examples for the web do what their docstrings say: each is run as a user runs it."""

from tests.examples.sink import ROOT, run

EXAMPLES = ROOT / "examples"


def trace_of(event):
    return event["contexts"]["trace"]


def test_three_handlers():
    arrived = run(EXAMPLES / "web" / "three_handlers.py")
    statuses = {one["transaction"]: trace_of(one)["status"] for one in arrived.transactions}
    assert statuses == {"GET /items/{id}": "ok", "GET /debug": "internal_error", "GET <unmatched>": "not_found"}
    [error] = arrived.errors
    debug = trace_of(arrived.transaction("GET /debug"))
    assert [trace_of(error)[key] for key in ("trace_id", "span_id")] == [debug["trace_id"], debug["span_id"]]
    assert (error["transaction"], error["user"]) == ("GET /debug", {"id": "bob"})
    assert [crumb["message"] for crumb in error["breadcrumbs"]["values"]] == ["asked for /debug"]
    assert arrived.output == "/items/7 200 OK\n/debug 500 Internal Server Error\n/nowhere 404 Not Found\n"


def test_meta_tag():
    arrived = run(EXAMPLES / "web" / "meta_tag.py")
    page, asked = (trace_of(arrived.transaction(name)) for name in ("GET /", "GET /api"))
    assert (asked["trace_id"], asked["parent_span_id"]) == (page["trace_id"], page["span_id"])
    assert arrived.output == "sentry-trace, baggage, traceparent\n"


def test_an_order_in_the_shop_is_one_trace_of_three_services():
    arrived = run(EXAMPLES / "shop")
    names = {
        "GET /": "shop",
        "POST /orders/<item>": "shop",
        "POST /stock/{item}": "stock",
        "mail.send": "mail",
    }
    found = {name: arrived.transaction(name) for name in names}
    assert {name: one["contexts"]["process"]["service"] for name, one in found.items()} == names
    assert len({trace_of(one)["trace_id"] for one in found.values()}) == 1
    spans = {span["span_id"]: span["op"] for one in found.values() for span in one["spans"]}
    parents = {name: spans.get(trace_of(one).get("parent_span_id")) for name, one in found.items()}
    assert parents == {
        "GET /": None,
        "POST /orders/<item>": "template.render",
        "POST /stock/{item}": "http.client",
        "mail.send": "queue.publish",
    }
    assert arrived.output.startswith("Sent: 2 of lamp ordered, 10 left\n")
    assert arrived.errors == []
