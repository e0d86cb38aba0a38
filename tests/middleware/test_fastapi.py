"""FastAPI on uvicorn."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Response
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
    assert [span.description for span in recorded.transactions[0].spans] == ["look up"]
    assert recorded.errors == []


def test_routes_limits_the_transactions_to_routers():
    app, inner, _ = routed()
    with record() as recorded:
        get(trace(app, routes=[inner]), "/other", "/api/outer/inner/items/3")
    assert [item.name for item in recorded.transactions] == ["GET /api/outer/inner/items/{item}"]
