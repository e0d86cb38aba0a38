"""Exceptions of the program's own and of client libraries carry numbers, too: they are errors like any other."""

import asyncio
import urllib.error

import aiohttp
import pytest
from fastapi import FastAPI
from flask import Flask
from multidict import CIMultiDict, CIMultiDictProxy
from starlette.applications import Starlette
from starlette.routing import Route
from yarl import URL

from instrument.middleware import asgi, fastapi, flask, starlette, wsgi
from instrument.testing import record
from tests.middleware.test_asgi_cases import ask, scope
from tests.middleware.test_starlette import get
from tests.middleware.test_wsgi_cases import Server


class Refused(Exception):
    status = 404


class Missing(Exception):
    status_code = 404


class Slower(Exception):
    code = 429


def of_aiohttp():
    asked = aiohttp.RequestInfo(URL("http://there"), "GET", CIMultiDictProxy(CIMultiDict()), URL("http://there"))
    return aiohttp.ClientResponseError(asked, (), status=404)


def of_urllib():
    return urllib.error.HTTPError("http://there", 404, "not there", {}, None)


ERRORS = [Refused, Missing, Slower, of_aiohttp, of_urllib]


def in_wsgi(error):
    def app(environ, start_response):
        raise error

    with pytest.raises(type(error)):
        Server(wsgi.Tracing(app)).ask("/there")


def in_asgi(error):
    async def app(scope, receive, send):
        raise error

    with pytest.raises(type(error)):
        asyncio.run(ask(asgi.Tracing(app), scope("/there")))


def in_flask(error):
    app = flask.trace(Flask("shop"))
    app.logger.disabled = True

    @app.route("/there")
    def there():
        raise error

    with app.test_client().get("/there") as answer:
        assert b"Internal" in answer.data


def in_fastapi(error):
    app = fastapi.trace(FastAPI())

    @app.get("/there")
    async def there():
        raise error

    assert get(app, "/there")[0].status_code == 500


def in_starlette(error):
    def there(request):
        raise error

    (answer,) = get(starlette.trace(Starlette(routes=[Route("/there", there)])), "/there")
    assert answer.status_code == 500


@pytest.mark.parametrize("serve", [in_wsgi, in_asgi, in_flask, in_fastapi, in_starlette])
@pytest.mark.parametrize("make", ERRORS)
def test_an_exception_that_carries_a_4xx_is_a_500_all_the_same(make, serve):
    error = make()
    with record() as recorded:
        serve(error)
    (request,) = recorded.transactions
    assert (request.name, request.status) == ("GET /there", "internal_error")
    assert [one.exceptions[-1]["type"].rpartition(".")[2] for one in recorded.errors] == [type(error).__name__]
