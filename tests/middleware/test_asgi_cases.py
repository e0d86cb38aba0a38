"""What an ASGI application and a server may do with each other, one case at a time."""

import asyncio

import pytest

import instrument
from instrument import set_tag, set_user, span
from instrument.middleware._request_data import parsed_body
from instrument.middleware.asgi import ScopeHead, Tracing
from instrument.testing import record

PARENT = "0123456789abcdef0123456789abcdef-00f067aa0ba902b7-1"


def scope(path="/users/7", method="GET", headers=(), **more):
    made = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"here")],
        **more,
    }
    made["headers"] += [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return made


async def ask(app, asked=None, messages=()):
    """What the application sends, given a request and the messages that the server has."""
    waiting = list(messages) or [{"type": "http.request", "body": b"", "more_body": False}]
    sent = []

    async def receive():
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await app(asked or scope(), receive, send)
    return sent


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_what_is_sent_reaches_the_server_unchanged():
    with record():
        sent = asyncio.run(ask(Tracing(hello)))
    assert sent == [
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body", "body": b"hello"},
    ]


def test_the_request_ends_with_its_body_and_what_comes_later_is_its_child():
    async def app(scope, receive, send):
        await hello(scope, receive, send)
        with span("mail", "after the answer"):
            pass

    with record() as recorded:
        asyncio.run(ask(Tracing(app)))
    request, later = recorded.transactions
    assert (request.spans, later.parent_span_id, later.trace_id) == ([], request.span_id, request.trace_id)


def test_the_sampler_sees_the_request_as_it_does_everywhere():
    seen = []
    asked = scope(headers=[("X-Shop", "north"), ("sentry-trace", PARENT), ("x-shop", "south")])
    with record(traces_sampler=lambda context: seen.append(context) or 0.0):
        asyncio.run(ask(Tracing(hello), asked))
    (context,) = seen
    assert context["request"] == {
        "method": "GET",
        "path": "/users/7",
        "route": None,
        "headers": {"host": "here", "x-shop": "north, south", "sentry-trace": PARENT},
    }
    assert context["asgi_scope"] is asked
    assert context["parent_sampled"] is True


def test_two_around_one_app_are_one_transaction_and_one_error():
    async def app(scope, receive, send):
        raise ValueError

    with record() as recorded, pytest.raises(ValueError):
        asyncio.run(ask(Tracing(Tracing(app))))
    assert (len(recorded.transactions), len(recorded.errors)) == (1, 1)


def test_the_three_jobs_can_be_three_middlewares():
    async def app(scope, receive, send):
        set_tag("inside", "x")
        raise ValueError

    request = {"transactions": False, "errors": False}
    tracing = {"isolation": False, "errors": False}
    errors = {"isolation": False, "transactions": False}
    with record() as recorded, pytest.raises(ValueError):
        asyncio.run(ask(Tracing(Tracing(Tracing(app, **errors), **tracing), **request)))
    (item,), (error,) = recorded.transactions, recorded.errors
    assert (item.status, item.tags["inside"], error.tags) == ("internal_error", "x", {"inside": "x"})
    assert (error.trace_id, error.span_id) == (item.trace_id, item.span_id)


def test_a_cancelled_request_is_no_error():
    async def app(scope, receive, send):
        await asyncio.Event().wait()

    async def cancelled():
        task = asyncio.ensure_future(ask(Tracing(app)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with record() as recorded:
        asyncio.run(cancelled())
    assert (recorded.transactions[0].status, recorded.errors) == ("cancelled", [])


def test_a_client_that_has_gone_before_the_end_has_cancelled_its_request():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert (await receive())["type"] == "http.disconnect"

    with record() as recorded:
        asyncio.run(ask(Tracing(app), messages=[{"type": "http.disconnect"}]))
    assert recorded.transactions[0].status == "cancelled"


def test_a_file_that_the_server_sends_by_itself_ends_the_request():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/file"})
        assert len(recorded.transactions) == 1

    with record() as recorded:
        asyncio.run(ask(Tracing(app)))


def test_a_body_is_told_in_parts_and_only_when_it_is_short_and_understood():
    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await hello(scope, receive, send)

    def told(body, kind, **options):
        parts = [body[:10], body[10:]]
        messages = [{"type": "http.request", "body": part, "more_body": part is parts[0]} for part in parts]
        with record(**options) as recorded:
            asyncio.run(ask(Tracing(app), scope(method="POST", headers=[("content-type", kind)]), messages))
        return recorded.transactions[0].request.get("data", "nothing")

    assert told(b'{"name": "lamp"}', "application/json") == {"name": "lamp"}
    assert told(b'{"name": "lamp"', "application/json") == ""
    assert told(b'{"name": "lamp"}', "text/plain") == ""
    assert told(b"[" * 9000, "application/json") == ""
    assert told(b'["' + b"x" * 10_000 + b'"]', "application/json") == ""
    assert told(b'{"name": "lamp"}', "application/json", max_request_body_size="never") == "nothing"
    assert told(b"name=lamp&name=desk", "application/x-www-form-urlencoded") == {"name": ["lamp", "desk"]}


def test_the_headers_of_the_trace_are_its_context_and_not_shown_again():
    given = [("sentry-trace", PARENT), ("baggage", "vendor=1"), ("traceparent", "x"), ("tracestate", "a=1")]
    with record() as recorded:
        asyncio.run(ask(Tracing(hello), scope(headers=given)))
    assert recorded.transactions[0].request["headers"] == {"host": "here"}
    assert recorded.transactions[0].trace_id == PARENT[:32]


FORM = "multipart/form-data; boundary=XyZ"
PARTS = (
    b'--XyZ\r\nContent-Disposition: form-data; name="name"\r\n\r\nl\xc3\xa4mp\r\n'
    b'--XyZ\r\nContent-Disposition: form-data; name="name"\r\n\r\ndesk\r\n'
    b'--XyZ\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n\r\n\r\n--XyZ--\r\n"
)


def test_of_a_form_in_parts_fields_and_the_names_of_files_are_told():
    told = {"name": ["l\u00e4mp", "desk"], "photo": {"filename": "a.png", "type": "image/png"}}
    assert parsed_body(PARTS, FORM) == told
    assert parsed_body(PARTS, 'Multipart/Form-Data; charset=utf-8; boundary="XyZ"') == told


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (PARTS, "multipart/form-data"),
        (PARTS, "multipart/form-data; boundary="),
        (PARTS, "multipart/form-data; boundary=other"),
        (b"", FORM),
        (b"--XyZ", FORM),
        (b"--XyZ\r\n\r\n\r\n--XyZ--", FORM),
        (b"\r\n--XyZ" * 500, FORM),
    ],
)
def test_a_form_in_parts_that_is_none_is_not_told(raw, kind):
    assert parsed_body(raw, kind) == ""


def test_of_a_form_of_many_parts_the_first_are_told():
    part = '--XyZ\r\nContent-Disposition: form-data; name="n{}"\r\n\r\nv\r\n'
    assert len(parsed_body("".join(map(part.format, range(500))).encode(), FORM)) == 100


def test_a_body_that_is_too_long_to_be_told_is_not_kept_either():
    head = ScopeHead(scope(method="POST"), "auto.http.asgi")
    with record():
        for _ in range(9):
            head.keep({"type": "http.request", "body": b"x" * 1000})
        assert sum(map(len, head._chunks)) == 9000
        for _ in range(9):
            head.keep({"type": "http.request", "body": b"x" * 1000})
        assert head._chunks == []


def test_tasks_of_one_loop_keep_to_themselves():
    async def app(scope, receive, send):
        number = scope["path"][1:]
        set_user({"id": number})
        await asyncio.sleep(0)
        set_tag("number", number)
        await asyncio.gather(*[work(name) for name in ("a", "b")])
        await hello(scope, receive, send)

    async def work(name):
        with span("work", name):
            await asyncio.sleep(0)
            with span("deeper", name):
                await asyncio.sleep(0)

    async def all_at_once():
        app_ = Tracing(app)
        await asyncio.gather(*[ask(app_, scope(f"/{number}")) for number in range(300)])

    with record(max_spans=1000) as recorded:
        asyncio.run(all_at_once())
    assert len(recorded.transactions) == 300
    for item in recorded.transactions:
        number = item.data["url.path"][1:]
        assert (item.user, item.tags["number"]) == ({"id": number}, number)
        children = {one.span_id: one for one in item.spans}
        assert [one.op for one in item.spans].count("work") == 2
        for one in item.spans:
            assert one.parent_span_id == item.span_id if one.op == "work" else one.parent_span_id in children


@pytest.mark.parametrize(
    "odd", [{"path": ""}, {"headers": None}, {"server": None}, {"client": None}, {"method": "get"}]
)
def test_a_scope_that_lacks_something_is_taken_as_it_is(odd):
    asked = {**scope(), **odd}
    with record(send_default_pii=True) as recorded:
        asyncio.run(ask(Tracing(hello), asked))
    assert recorded.transactions[0].request["method"] == "GET"


def test_nothing_is_recorded_before_init():
    instrument.close()
    assert len(asyncio.run(ask(Tracing(hello)))) == 2
