"""Which errors of Starlette and FastAPI are captured: what is answered with a 500, or asks for one."""

import asyncio

import fastapi
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, Router, WebSocketRoute
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import instrument
from instrument.middleware.asgi import Tracing
from instrument.middleware.starlette import trace
from instrument.testing import record
from tests.middleware.test_asgi import uvicorn_server
from tests.middleware.test_starlette import get


class Domain(Exception):
    """An error of the program's own, which it answers itself."""


def domain(request):
    raise Domain("of the shop")


def unavailable(request):
    raise HTTPException(503)


def of(errors):
    return [error.exceptions[-1]["type"].rpartition(".")[2] for error in errors]


class Answering(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        try:
            return await call_next(request)
        except Domain:
            return JSONResponse({"error": "of the shop"}, 422)


class AnsweringPlainly:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        try:
            await self.app(scope, receive, send)
        except Domain:
            await PlainTextResponse("of the shop", 422)(scope, receive, send)


class Refusing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        raise HTTPException(403)


@pytest.mark.parametrize("routes", [None, "/shop"], ids=["all", "by prefix"])
@pytest.mark.parametrize("kind", [Answering, AnsweringPlainly])
def test_what_a_middleware_answers_is_no_error(kind, routes):
    app = Starlette(routes=[Route("/shop/{number}", domain)], middleware=[Middleware(kind)])
    with record() as recorded:
        (answer,) = get(trace(app, routes=routes), "/shop/1")
    assert (answer.status_code, recorded.errors) == (422, [])
    assert [item.status for item in recorded.transactions] == ["invalid_argument"]


def test_what_a_middleware_answers_is_no_error_where_the_transaction_began_at_the_route():
    route = Route("/shop/{number}", domain)
    app = Starlette(routes=[route], middleware=[Middleware(Answering)])
    with record() as recorded:
        (answer,) = get(trace(app, routes=[route]), "/shop/1")
    assert (answer.status_code, recorded.errors, len(recorded.transactions)) == (422, [], 1)


def test_a_4xx_that_a_middleware_raises_is_a_500():
    app = Starlette(routes=[Route("/", domain)], middleware=[Middleware(Refusing)])
    with record() as recorded:
        (answer,) = get(trace(app), "/")
    assert (answer.status_code, of(recorded.errors)) == (500, ["HTTPException"])
    (request,) = recorded.transactions
    assert (request.status, request.spans[0].status) == ("internal_error", "internal_error")


@pytest.mark.parametrize("key", [503, HTTPException, fastapi.HTTPException], ids=["status", "starlette", "fastapi"])
def test_a_5xx_that_is_raised_is_captured_whichever_handler_answers_it(key):
    app = fastapi.FastAPI()

    @app.exception_handler(key)
    async def answer(request, error):
        return PlainTextResponse("mine", error.status_code)

    @app.get("/{status}")
    async def page(status: int):
        raise fastapi.HTTPException(status)

    with record() as recorded:
        answers = get(trace(app), "/503", "/404")
    assert [one.text for one in answers] == ["mine", "mine" if key != 503 else '{"detail":"Not Found"}']
    assert of(recorded.errors) == ["HTTPException"]
    assert recorded.errors[0].transaction == "GET /{status}"


def test_an_error_of_the_programs_own_that_a_handler_answers_is_none_of_ours():
    app = Starlette(
        routes=[Route("/", domain)],
        exception_handlers={Domain: lambda request, error: PlainTextResponse("sorry", 503)},
    )
    with record() as recorded:
        (answer,) = get(trace(app), "/")
    assert (answer.text, recorded.errors) == ("sorry", [])


def test_handlers_of_mounted_apps_are_seen_too():
    inner = fastapi.FastAPI()

    @inner.get("/busy/{number}")
    async def busy(number: int):
        raise fastapi.HTTPException(503)

    @inner.get("/boom/{number}")
    async def boom(number: int):
        raise ValueError

    app = fastapi.FastAPI()
    app.mount("/inner", inner)
    with record() as recorded:
        answers = get(trace(app), "/inner/busy/1", "/inner/boom/1", "/inner/none")
    assert [one.status_code for one in answers] == [503, 500, 404]
    assert [(error.transaction, error.trace_id) for error in recorded.errors] == [
        (item.name, item.trace_id) for item in recorded.transactions[:2]
    ]
    assert of(recorded.errors) == ["HTTPException", "ValueError"]


class Handler:
    """A handler that is an object."""

    async def __call__(self, request, error):
        return PlainTextResponse("object", error.status_code)


def test_a_handler_may_be_an_object():
    app = Starlette(routes=[Route("/", unavailable)], exception_handlers={HTTPException: Handler()})
    with record() as recorded:
        (answer,) = get(trace(app), "/")
    assert (answer.status_code, answer.text, len(recorded.errors)) == (503, "object", 1)


def test_a_404_of_a_router_that_is_traced_by_itself_is_no_error():
    with record() as recorded:
        (answer,) = get(Starlette(routes=[Mount("/api", app=Tracing(Router()))]), "/api/none")
    assert (answer.status_code, recorded.errors) == (404, [])
    assert [item.status for item in recorded.transactions] == ["not_found"]


def talking():
    async def talk(websocket):
        await websocket.accept()
        await websocket.receive_text()
        raise ValueError

    return WebSocketRoute("/talk/{room}", talk)


@pytest.mark.parametrize("is_chosen", [False, True], ids=["all", "by route"])
def test_an_error_over_a_message_belongs_to_it(is_chosen):
    route = talking()
    app = trace(Starlette(routes=[route]), routes=[route] if is_chosen else None)
    with record() as recorded, uvicorn_server(app) as port, connect(f"ws://127.0.0.1:{port}/talk/7") as connection:
        connection.send("one")
        with pytest.raises(ConnectionClosed):
            connection.recv(20)
    opening, message = recorded.transactions
    (error,) = recorded.errors
    assert (opening.status, message.status) == ("ok", "internal_error")
    assert (error.span_id, error.transaction) == (message.span_id, "GET /talk/{room}")


def test_the_layers_of_a_cancelled_request_are_cancelled():
    async def upload(request):
        await request.body()

    class Passing:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    async def ask():
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", "root_path": ""}
        await app(scope, receive, send)

    app = trace(Starlette(routes=[Route("/", upload, methods=["POST"])], middleware=[Middleware(Passing)]))
    with record() as recorded, pytest.raises(ClientDisconnect):
        asyncio.run(ask())
    (request,) = recorded.transactions
    assert (request.status, [one.status for one in request.spans]) == ("cancelled", ["cancelled"])
    assert recorded.errors == []


def test_an_app_that_is_mounted_where_nothing_is_traced_has_the_path_of_its_mounts():
    inner = trace(Starlette(routes=[Route("/u/{id}", lambda request: PlainTextResponse("u"))]))
    app = Starlette(routes=[Mount("/api", app=inner), Mount("/{tenant}/shop", app=inner)])
    with record() as recorded:
        get(app, "/api/u/1", "/north/shop/u/2")
    assert [item.name for item in recorded.transactions] == ["GET /api/u/{id}", "GET /{tenant}/shop/u/{id}"]


def test_the_path_that_a_proxy_takes_off_is_no_part_of_the_name():
    app = trace(Starlette(routes=[Route("/u/{id}", lambda request: PlainTextResponse("u"))]))

    async def behind(scope, receive, send):
        await app({**scope, "root_path": "/proxy", "path": "/proxy" + scope["path"]}, receive, send)

    with record() as recorded:
        get(behind, "/u/1")
    assert [item.name for item in recorded.transactions] == ["GET /u/{id}"]


@pytest.mark.parametrize("kind", [Starlette, fastapi.FastAPI])
def test_the_sampler_sees_the_route_where_the_transaction_begins_at_it(kind):
    seen = []
    inner = Route("/u/{id}", lambda request: PlainTextResponse("u"))
    app = kind(routes=[Mount("/api", routes=[inner])])
    with record(traces_sampler=lambda context: seen.append(context["request"]["route"]) or 1.0) as recorded:
        get(trace(app, routes=[inner]), "/api/u/1")
    assert (seen, [item.name for item in recorded.transactions]) == (["/api/u/{id}"], ["GET /api/u/{id}"])


def test_what_cannot_be_a_route_is_refused_at_once():
    for wrong in ("api", ["api"], [7], 7):
        with pytest.raises(instrument.InstrumentError, match="routes="):
            trace(Starlette(), routes=wrong)
    with pytest.raises(instrument.InstrumentError, match="routes='api'"):
        Tracing(domain, routes="api")
