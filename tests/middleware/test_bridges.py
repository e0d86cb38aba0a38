"""A WSGI application below an ASGI one is a part of the same request."""

import warnings

import pytest
from a2wsgi import WSGIMiddleware as A2Wsgi
from asgiref.wsgi import WsgiToAsgi
from flask import Flask, abort
from starlette.applications import Starlette
from starlette.routing import Mount

import instrument
from instrument.middleware import flask, starlette, wsgi
from instrument.testing import record
from tests.middleware.test_starlette import get
from tests.middleware.test_wsgi_cases import Server


def of_starlette(app):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.middleware.wsgi import WSGIMiddleware
    return WSGIMiddleware(app)


@pytest.fixture(params=[A2Wsgi, WsgiToAsgi, of_starlette], ids=["a2wsgi", "asgiref", "starlette"])
def app(request):
    inner = flask.trace(Flask("old"))
    inner.logger.disabled = True

    @inner.route("/hello/<name>")
    def hello(name):
        with instrument.span("work", name):
            if name == "boom":
                raise ValueError("boom")
            if name == "none":
                abort(404)
            return name

    return starlette.trace(Starlette(routes=[Mount("/old", app=request.param(inner))]))


def test_both_are_one_transaction_with_the_route_that_is_known_best(app):
    with record() as recorded:
        (answer,) = get(app, "/old/hello/lamp", headers={"x-shop": "north"})
    assert answer.text == "lamp"
    (request,) = recorded.transactions
    assert (request.name, request.source, request.status) == ("GET /old/hello/<name>", "route", "ok")
    assert [(one.op, one.parent_span_id) for one in request.spans] == [("work", request.span_id)]


def test_an_error_that_the_inner_one_answers_belongs_to_it(app):
    with record() as recorded:
        boom, none = get(app, "/old/hello/boom", "/old/hello/none")
    assert (boom.status_code, none.status_code) == (500, 404)
    (error,) = recorded.errors
    assert (error.trace_id, error.transaction) == (recorded.transactions[0].trace_id, "GET /old/hello/<name>")
    assert [item.status for item in recorded.transactions] == ["internal_error", "not_found"]


def test_a_request_that_the_program_makes_in_its_process_is_one_of_its_own():
    def inner(environ, start_response):
        start_response("200 OK", [])
        return [b"inner"]

    called = wsgi.Tracing(inner)

    async def outer(scope, receive, send):
        Server(called).ask(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"outer"})

    with record() as recorded:
        get(starlette.trace(Starlette(routes=[Mount("/same", app=outer)])), "/same/path")
    assert len(recorded.transactions) == 2
