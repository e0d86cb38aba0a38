"""When an answer of an ASGI application has ended, and what is still an error then."""

import asyncio
import http.client

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse
from starlette.routing import Route

from instrument import capture_message, get_current_transaction, set_tag
from instrument.middleware import starlette
from instrument.middleware.asgi import Tracing
from instrument.testing import record
from tests.middleware.test_asgi import uvicorn_server
from tests.middleware.test_asgi_cases import ask, hello, scope
from tests.middleware.test_starlette import get


async def ask_slow_server(app):
    """A server that says that the connection is over before its `send` has returned, as Hypercorn does."""
    over = asyncio.Event()
    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        if requests:
            return requests.pop()
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.body" and not message.get("more_body"):
            over.set()
            for _ in range(10):
                await asyncio.sleep(0)

    await app({**scope(), "asgi": {"version": "3.0", "spec_version": "2.3"}, "root_path": ""}, receive, send)


async def parts():
    yield b"part"


def streaming(background=None):
    def page(request):
        return StreamingResponse(parts(), background=BackgroundTask(background) if background else None)

    return starlette.trace(Starlette(routes=[Route("/users/{number}", page)]))


def test_a_server_that_says_goodbye_while_it_takes_the_last_part_has_not_lost_its_client():
    with record() as recorded:
        asyncio.run(ask_slow_server(streaming()))
    assert [item.status for item in recorded.transactions] == ["ok"]


def lost_file():
    raise FileNotFoundError("of the task")


def test_an_error_of_the_operating_system_after_the_answer_is_an_error():
    with record() as recorded, pytest.raises(FileNotFoundError):
        asyncio.run(ask_slow_server(streaming(lost_file)))
    assert [item.status for item in recorded.transactions] == ["ok"]
    (error,) = recorded.errors
    assert (error.span_id, error.transaction) == (recorded.transactions[0].span_id, "GET /users/{number}")


def test_so_it_is_on_a_real_server():
    with record() as recorded, uvicorn_server(streaming(lost_file)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/users/7")
        assert connection.getresponse().read() == b"part"
        connection.close()
    assert [error.exceptions[-1]["type"] for error in recorded.errors] == ["FileNotFoundError"]
    assert [item.status for item in recorded.transactions if item.op == "http.server"] == ["ok"]


class Gone(OSError):
    """What a server raises for a client that has gone."""


def test_the_error_of_the_servers_own_send_has_cancelled_the_request_and_another_is_an_error():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        except Gone:
            if scope["path"] == "/other":
                raise FileNotFoundError from None
            raise

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        if message["type"] == "http.response.body":
            raise Gone

    with record() as recorded:
        for path in ("/same", "/other"):
            with pytest.raises(OSError):
                asyncio.run(Tracing(app)(scope(path), receive, send))
    assert recorded.transactions[0].status == "cancelled"
    assert [error.exceptions[-1]["type"] for error in recorded.errors] == ["FileNotFoundError"]


def test_an_error_of_the_operating_system_after_the_client_has_gone_is_an_error():
    async def app(scope, receive, send):
        assert (await receive())["type"] == "http.disconnect"
        raise FileNotFoundError

    with record() as recorded, pytest.raises(FileNotFoundError):
        asyncio.run(ask(Tracing(app), messages=[{"type": "http.disconnect"}]))
    assert len(recorded.errors) == 1


class TestNames:
    """Errors and messages have the name of their request, also where no transaction of it runs."""

    def test_after_the_answer(self):
        async def app(scope, receive, send):
            await hello(scope, receive, send)
            capture_message("later")
            raise ValueError

        with record() as recorded, pytest.raises(ValueError):
            asyncio.run(ask(Tracing(app)))
        assert [error.transaction for error in recorded.errors] == ["GET /users/7"] * 2
        assert {error.transaction_source for error in recorded.errors} == {"url"}

    @pytest.mark.parametrize(("method", "jobs"), [("HEAD", {}), ("GET", {"transactions": False})])
    def test_without_a_transaction(self, method, jobs):
        async def app(scope, receive, send):
            raise ValueError

        with record() as recorded, pytest.raises(ValueError):
            asyncio.run(ask(Tracing(app, **jobs), scope(method=method)))
        (error,) = recorded.errors
        assert (error.transaction, error.transaction_source) == (f"{method} /users/7", "url")

    def test_with_the_route_where_there_is_one(self):
        def boom(request):
            raise ValueError

        app = Starlette(routes=[Route("/users/{number}", boom)])
        with record() as recorded:
            get(starlette.trace(app, transactions=False), "/users/7")
        (error,) = recorded.errors
        assert (error.transaction, error.transaction_source) == ("GET /users/{number}", "route")

    def test_which_the_program_may_have_chosen(self):
        async def app(scope, receive, send):
            get_current_transaction().set_name("checkout")
            await hello(scope, receive, send)
            raise ValueError

        with record() as recorded, pytest.raises(ValueError):
            asyncio.run(ask(Tracing(app)))
        assert [error.transaction for error in recorded.errors] == ["checkout"]


def test_a_request_that_is_handed_on_twice_keeps_its_scope():
    async def app(scope, receive, send):
        set_tag("times", str(len(recorded.transactions) + 1))

    async def twice(scope, receive, send):
        await Tracing(app)(scope, receive, send)
        await Tracing(app)(scope, receive, send)
        capture_message("after both")

    with record() as recorded:
        asyncio.run(ask(Tracing(twice, transactions=False, errors=False)))
    assert len(recorded.transactions) == 2
    assert recorded.errors[0].tags["times"] == "2"


class TestWebsockets:
    def ask(self, app, *, send_fails=False):
        """A client that opens a websocket, says one thing and goes away."""
        says = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "one"}]

        async def receive():
            return says.pop(0) if says else {"type": "websocket.disconnect", "code": 1001}

        async def send(message):
            if send_fails and message["type"] == "websocket.send":
                raise Gone

        asked = {**scope("/talk"), "type": "websocket"}
        del asked["method"]
        asyncio.run(Tracing(app)(asked, receive, send))

    def test_a_client_that_has_gone_when_it_is_answered_has_cancelled_its_message(self):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            await send({"type": "websocket.send", "text": "answer"})

        with record() as recorded, pytest.raises(Gone):
            self.ask(app, send_fails=True)
        assert ([item.status for item in recorded.transactions], recorded.errors) == (["ok", "cancelled"], [])

    def test_an_error_after_the_last_message_belongs_to_the_opening(self):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            await receive()
            raise ValueError

        with record() as recorded, pytest.raises(ValueError):
            self.ask(app)
        assert [item.status for item in recorded.transactions] == ["ok", "ok"]
        assert [error.span_id for error in recorded.errors] == [recorded.transactions[0].span_id]


def test_headers_may_come_as_any_iterable():
    given = {**scope(), "headers": iter([(b"sentry-trace", b"a" * 32 + b"-" + b"b" * 16 + b"-1"), (b"x-a", b"1")])}
    with record() as recorded:
        asyncio.run(ask(Tracing(hello), given))
    assert (recorded.transactions[0].trace_id, recorded.transactions[0].request["headers"]) == ("a" * 32, {"x-a": "1"})


def test_a_disconnect_after_trailers_is_the_end_and_no_cancellation():
    async def app(scope, receive, send):
        await hello(scope, receive, send)
        await send({"type": "http.response.trailers", "headers": [], "more_trailers": False})
        await receive()

    with record() as recorded:
        asyncio.run(ask(Tracing(app), scope(), [{"type": "http.disconnect"}]))
    assert [one.status for one in recorded.transactions] == ["ok"]
