"""Starlette on uvicorn."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, Router, WebSocketRoute
from websockets.sync.client import connect

import instrument
from instrument.middleware.starlette import trace
from instrument.testing import record
from tests.contracts.http_server import LIMIT, PARENT, new_trace
from tests.middleware import pages, pages_asgi
from tests.middleware.test_asgi import AsgiContract, uvicorn_server


async def user(request):
    if request.method == "POST":
        await request.json()
    return PlainTextResponse(pages.user(request.path_params["number"]), headers=dict([pages.seen()]))


def boom(request):
    pages.boom(request.path_params["number"])


async def note(request):
    return PlainTextResponse(pages.note(), headers=dict([pages.seen()]))


async def own(request):
    return PlainTextResponse(await pages_asgi.own(request.path_params["number"]), headers=dict([pages.seen()]))


def teapot(request):
    raise HTTPException(418)


async def talk(socket):
    await socket.accept()
    async for said in socket.iter_text():
        with instrument.span("work", said):
            await socket.send_text(pages.seen()[1])


class Passing:
    """A middleware that only passes on."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class Looking(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        return await call_next(request)


def make_app():
    routes = [
        Route("/users/{number}", user, methods=["GET", "POST"]),
        Route("/boom/{number}", boom),
        Route("/note", note, methods=["GET", "OPTIONS"]),
        Route("/own/{number}", own),
        Route("/healthz", lambda request: PlainTextResponse("well")),
        Route("/teapot", teapot),
        Route("/stream/{port:int}", lambda request: StreamingResponse(pages_asgi.stream(request.path_params["port"]))),
        Route("/broken", lambda request: StreamingResponse(pages_asgi.broken())),
        Route("/endless", lambda request: StreamingResponse(endless())),
        WebSocketRoute("/talk/{room}", talk),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Passing)])


async def endless():
    while True:
        yield b"x" * 65536
        await asyncio.sleep(0)


app = trace(make_app())


class TestStarlette(AsgiContract):
    origin = "auto.http.starlette"
    route = "/users/{number}"

    @classmethod
    def serve(cls, ear):
        return uvicorn_server(app)

    def test_a_websocket_is_named_after_its_route(self):
        trace_id = new_trace()
        headers = {"sentry-trace": f"{trace_id}-{PARENT}-1"}
        with connect(f"ws://127.0.0.1:{self._port}/talk/7", additional_headers=headers) as connection:
            connection.send("one")
            connection.recv(LIMIT)
        items = self.ear.of(trace_id, transactions=2).transactions
        assert [item["transaction"] for item in items] == ["GET /talk/{room}"] * 2


class TestStarletteWithItsOwnKindOfMiddleware(AsgiContract):
    origin = "auto.http.starlette"
    route = "/users/{number}"

    @classmethod
    def serve(cls, ear):
        app = make_app()
        app.add_middleware(Looking)
        return uvicorn_server(trace(app))


def get(app, *paths, raise_errors=False, headers=None):
    """The answers of the app, asked in this process."""

    async def ask():
        transport = httpx.ASGITransport(app, raise_app_exceptions=raise_errors)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return [await client.get(path, headers=headers) for path in paths]

    return asyncio.run(ask())


def test_middlewares_are_spans_around_one_another():
    app = trace(Starlette(routes=[Route("/", user_free)], middleware=[Middleware(Passing), Middleware(Looking)]))
    with record() as recorded:
        get(app, "/")
    assert recorded.tree() == (
        "http.server GET /\n  middleware.starlette Passing\n    middleware.starlette Looking\n      db load user\n"
    )


async def user_free(request):
    return PlainTextResponse(pages.user(1))


def test_mounted_apps_and_routers_add_their_prefix():
    inner = Starlette(routes=[Route("/items/{item}", user_free)])
    app = Starlette(
        routes=[
            Mount("/{tenant}/shop", app=inner),
            Mount("/api", routes=[Route("/users/{id:int}", user_free)]),
            Mount("/raw", app=PlainTextResponse("raw")),
        ]
    )
    with record() as recorded:
        get(trace(app), "/north/shop/items/3", "/api/users/7", "/raw/x/y", "/api/none", "/api/users/7/more")
    assert [item.name for item in recorded.transactions] == [
        "GET /{tenant}/shop/items/{item}",
        "GET /api/users/{id:int}",
        "GET /raw/{path}",
        "GET <unmatched>",
        "GET <unmatched>",
    ]


def test_a_route_that_is_added_later_has_its_name():
    app = trace(Starlette())
    with record() as recorded:
        get(app, "/later/1")
        app.add_route("/later/{number}", user_free)
        get(app, "/later/1")
    assert [item.name for item in recorded.transactions] == ["GET <unmatched>", "GET /later/{number}"]


def test_routes_limits_the_transactions_to_routers_routes_and_prefixes():
    chosen = Router(routes=[Route("/a/{x}", user_free)])
    single = Route("/single", failing)
    app = Starlette(routes=[Mount("/chosen", app=chosen), single, Route("/b", user_free), Route("/c/d", user_free)])
    trace(app, routes=[chosen, single, "/c"])
    with record() as recorded:
        get(app, "/chosen/a/1", "/b", "/c/d", "/single", "/none")
    assert [item.name for item in recorded.transactions] == ["GET /chosen/a/{x}", "GET /c/d", "GET /single"]
    (error,) = recorded.errors
    assert (error.span_id, error.transaction) == (recorded.transactions[-1].span_id, "GET /single")
    assert recorded.transactions[-1].status == "internal_error"


async def failing(request):
    raise ValueError("x")


def test_a_server_error_that_an_endpoint_chose_is_captured():
    async def home(request):
        raise HTTPException(503)

    with record() as recorded:
        (answer,) = get(trace(Starlette(routes=[Route("/", home)])), "/")
    assert (answer.status_code, answer.text) == (503, "Service Unavailable")
    assert recorded.errors[0].span_id == recorded.transactions[0].span_id
    assert recorded.transactions[0].status == "unavailable"


def test_handlers_of_the_app_still_answer():
    async def on_error(request, error):
        return PlainTextResponse("sorry", 500)

    def on_status(request, error):
        return PlainTextResponse("handled", error.status_code)

    async def teapot(request):
        raise HTTPException(418)

    app = Starlette(
        routes=[Route("/", failing), Route("/tea", teapot)],
        exception_handlers={Exception: on_error, HTTPException: on_status},
    )
    with record() as recorded:
        answers = get(trace(app), "/", "/tea")
    assert [(one.status_code, one.text) for one in answers] == [(500, "sorry"), (418, "handled")]
    assert len(recorded.errors) == 1


def test_an_error_comes_out_unchanged():
    error = ValueError("x")

    async def home(request):
        raise error

    with record() as recorded, pytest.raises(ValueError) as raised:
        get(trace(Starlette(routes=[Route("/", home)])), "/", raise_errors=True)
    assert raised.value is error
    assert (recorded.errors[0].transaction, len(recorded.errors)) == ("GET /", 1)


def test_work_after_the_answer_is_a_later_part_of_the_trace():
    async def home(request):
        return PlainTextResponse("ok", background=BackgroundTask(after))

    async def after():
        with instrument.span("mail", "send"):
            pass

    with record() as recorded:
        get(trace(Starlette(routes=[Route("/", home)])), "/")
    request, later = recorded.transactions
    assert (request.name, later.op, later.parent_span_id) == ("GET /", "mail", request.span_id)
    assert later.trace_id == request.trace_id


def test_traced_twice_is_traced_once():
    with record() as recorded:
        get(trace(trace(Starlette(routes=[Route("/", user_free)]))), "/")
    assert len(recorded.transactions) == 1


@pytest.mark.parametrize("path", ["/users/", "/nowhere"])
def test_a_path_without_a_route_is_no_name_also_when_the_router_sends_the_client_to_another(path):
    app = trace(Starlette(routes=[Route("/users", lambda request: PlainTextResponse("all"))]))

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.get(path)

    with record() as recorded:
        answer = asyncio.run(ask())
    assert answer.status_code in (307, 404)
    assert [(one.name, one.source) for one in recorded.transactions] == [("GET <unmatched>", "custom")]
