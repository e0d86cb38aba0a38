"""FastAPI on uvicorn."""

import asyncio
from http import HTTPStatus
from typing import Annotated

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Response, routing
from fastapi.responses import StreamingResponse

import instrument
from instrument.middleware.fastapi import trace
from instrument.testing import record
from tests.middleware import pages, pages_asgi
from tests.middleware.test_asgi import AsgiContract, uvicorn_server
from tests.middleware.test_starlette import endless, get


def make_app():
    app = FastAPI()

    @app.get("/users/{number}")
    def user(number: int, response: Response):
        response.headers.update(dict([pages.seen()]))
        return pages.user(number)

    @app.post("/users/{number}")
    async def change(number: int, body: Annotated[dict, Body()]):
        return pages.user(number)

    @app.get("/boom/{number}")
    async def boom(number: int):
        pages.boom(number)

    @app.api_route("/note", methods=["GET", "HEAD", "OPTIONS"])
    def note(response: Response):
        response.headers.update(dict([pages.seen()]))
        return pages.note()

    @app.get("/own/{number}")
    async def own(number: str, response: Response):
        response.headers.update(dict([pages.seen()]))
        return await pages_asgi.own(number)

    @app.get("/healthz")
    def health():
        return "well"

    @app.get("/teapot")
    def teapot():
        raise HTTPException(418)

    @app.get("/stream/{port}")
    def stream(port: int):
        return StreamingResponse(pages_asgi.stream(port))

    @app.get("/broken")
    def broken():
        return StreamingResponse(pages_asgi.broken())

    @app.get("/endless")
    async def without_end():
        return StreamingResponse(endless())

    return app


class TestFastApi(AsgiContract):
    origin = "auto.http.fastapi"
    route = "/users/{number}"

    @classmethod
    def serve(cls, ear):
        return uvicorn_server(trace(make_app()))


def routed():
    """An app with a router in a router, and a dependency."""
    inner, outer, other = APIRouter(), APIRouter(prefix="/outer"), APIRouter()

    def dependency():
        with instrument.span("db", "look up"):
            return 1

    @inner.get("/items/{item}")
    def item(item: int, found: Annotated[int, Depends(dependency)]):
        return found

    @other.get("/other")
    async def elsewhere():
        return "ok"

    outer.include_router(inner, prefix="/inner")
    app = FastAPI()
    app.include_router(outer, prefix="/api")
    app.include_router(other)
    return app, inner, other


def test_included_routers_add_their_prefixes():
    app, _, _ = routed()
    with record() as recorded:
        get(trace(app), "/api/outer/inner/items/3", "/other", "/api/outer/inner/items/x", "/api/outer/none")
    names = [item.name for item in recorded.transactions]
    assert names[:2] == ["GET /api/outer/inner/items/{item}", "GET /other"]
    assert names[2:] == ["GET /api/outer/inner/items/{item}", "GET <unmatched>"]
    assert [(span.op, span.description) for span in recorded.transactions[0].spans] == [
        ("middleware.fastapi", "dependency"),
        ("db", "look up"),
    ]
    assert recorded.errors == []


def test_routes_limits_the_transactions_to_routers():
    app, inner, _ = routed()
    with record() as recorded:
        get(trace(app, routes=[inner]), "/other", "/api/outer/inner/items/3")
    assert [item.name for item in recorded.transactions] == ["GET /api/outer/inner/items/{item}"]


def test_a_single_router_need_not_be_a_list():
    app, inner, _ = routed()
    seen = []
    with record(traces_sampler=lambda context: seen.append(context["request"]["route"]) or 1.0) as recorded:
        get(trace(app, routes=inner), "/other", "/api/outer/inner/items/3")
    assert [item.name for item in recorded.transactions] == ["GET /api/outer/inner/items/{item}"]
    assert seen == ["/api/outer/inner/items/{item}"]


class TestDependencies:
    """What the dependencies of a route do is below one span, and works as ever."""

    @staticmethod
    def app(ended):
        app = FastAPI()

        def inner():
            with instrument.span("db", "inner"):
                return 1

        def opened(found: Annotated[int, Depends(inner)]):
            with instrument.span("db", "opened"):
                pass
            yield found + 1
            ended.append(found)

        async def opened_too(found: Annotated[int, Depends(inner)]):
            yield found + 10
            ended.append(found)

        class Reader:
            def __init__(self, page: int = 0):
                self.page = page

        async def user(token: str = ""):
            if token != "good":
                raise HTTPException(401)

        @app.get("/all")
        async def everything(
            one: Annotated[int, Depends(opened)],
            two: Annotated[int, Depends(opened_too)],
            reader: Annotated[Reader, Depends()],
        ):
            with instrument.span("work", "endpoint"):
                return [one, two, reader.page]

        @app.get("/mine", dependencies=[Depends(user)])
        def mine():
            return "mine"

        @app.get("/plain")
        def plain():
            return "plain"

        app.inner = inner
        return trace(app)

    def test_they_are_below_one_span_and_the_route_is_beside_it(self):
        ended = []
        with record() as recorded:
            (answer,) = get(self.app(ended), "/all?page=3")
        (request,) = recorded.transactions
        assert answer.json() == [2, 11, 3] and len(ended) == 2
        layer = request.spans[0]
        assert (layer.op, layer.description) == ("middleware.fastapi", "opened, opened_too, Reader")
        parents = {span.description: span.parent_span_id for span in request.spans}
        assert parents["inner"] == parents["opened"] == layer.span_id
        assert parents["endpoint"] == layer.parent_span_id == request.span_id
        assert [span.description for span in request.spans].count("inner") == 1  # as FastAPI remembers what it gave

    def test_one_that_answers_gives_its_status_to_the_span(self):
        with record() as recorded:
            refused, taken = get(self.app([]), "/mine", "/mine?token=good")
        assert (refused.status_code, taken.status_code) == (401, 200)
        statuses = [item.spans[0].status for item in recorded.transactions]
        assert statuses == ["unauthenticated", None]
        assert recorded.errors == []

    @pytest.mark.parametrize("status", [401, HTTPStatus.UNAUTHORIZED])
    def test_a_status_may_be_any_whole_number(self, status):
        app = FastAPI()

        def user():
            raise HTTPException(status)

        @app.get("/", dependencies=[Depends(user)])
        def page():
            return "mine"

        with record() as recorded:
            get(trace(app), "/")
        assert recorded.transactions[0].spans[0].status == "unauthenticated"

    def test_an_error_of_one_that_carries_a_number_is_an_error(self):
        class Refused(Exception):
            status_code = 403

        app = FastAPI()

        def user():
            raise Refused

        @app.get("/", dependencies=[Depends(user)])
        def page():
            return "mine"

        with record() as recorded:
            get(trace(app), "/")
        assert (recorded.transactions[0].spans[0].status, len(recorded.errors)) == ("internal_error", 1)

    def test_one_may_ask_for_whatever_our_guard_calls_its_own(self, monkeypatch):
        asked = []

        async def solve(**given):
            asked.append(given)

        monkeypatch.setattr(routing, "solve_dependencies", solve)
        trace(FastAPI())
        given = {"request": None, "dependant": None, "kind": 1, "default": 2, "function": 3}
        asyncio.run(routing.solve_dependencies(**given))
        assert asked == [given]

    def test_one_that_is_overridden_is(self):
        app = self.app([])
        app.dependency_overrides[app.inner] = lambda: 100
        with record():
            (answer,) = get(app, "/all")
        assert answer.json() == [101, 110, 0]

    def test_a_route_without_any_has_no_such_span(self):
        with record() as recorded:
            get(self.app([]), "/plain")
        assert recorded.transactions[0].spans == []

    def test_an_app_that_is_not_traced_is_left_alone(self):
        trace(FastAPI())
        app = FastAPI()

        @app.get("/")
        def page(found: Annotated[int, Depends(lambda: 1)]):
            return found

        with record() as recorded:
            (answer,) = get(app, "/")
        assert (answer.json(), recorded.transactions) == (1, [])
