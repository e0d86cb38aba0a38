"""Django on its own server and on uvicorn."""

import asyncio
import gc
import logging
import threading
import warnings
from contextlib import contextmanager
from functools import wraps

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction

from tests.middleware import pages_django  # configures Django before anything of it is imported

from django.core.exceptions import PermissionDenied  # isort: skip
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.http import FileResponse, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.test.utils import override_settings
from django.urls import path
from django.utils.decorators import sync_and_async_middleware

import instrument
from instrument.middleware import wsgi
from instrument.middleware.django import Tracing
from instrument.testing import record
from tests.contracts.http_server import ServerContract
from tests.middleware.test_asgi import AsgiContract, uvicorn_server

logging.getLogger("django").setLevel(logging.CRITICAL)
# Django leaves the file of a body to the collector; as an error in a finalizer, that warning would be an event.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def left_behind():
    """The files that Django leaves are collected here, and not in a test that comes later."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Server(ThreadedWSGIServer):
    def handle_error(self, request, client_address):
        pass


@contextmanager
def django_server(app):
    server = Server(("127.0.0.1", 0), Quiet)
    server.set_app(app)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class Pages:
    origin = "auto.http.django"
    route = "/users/<int:number>"

    def test_a_form_is_told(self):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        item = self.one(self.ask("/users/7", "POST", body=b"name=lamp&name=desk", headers=form))
        assert item["request"]["data"] == {"name": ["lamp", "desk"]}


class TestDjango(Pages, ServerContract):
    @classmethod
    def serve(cls, ear):
        return django_server(WSGIHandler())


# Django forgets to close the file with the request's body when a client goes away.
@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")
class TestDjangoAsync(Pages, AsgiContract):
    @classmethod
    @contextmanager
    def serve(cls, ear):
        with (
            override_settings(ROOT_URLCONF=pages_django.ForAsync),
            uvicorn_server(ASGIHandler(), lifespan="off") as port,
        ):
            yield port


def tree(*paths, **settings):
    with override_settings(**settings), record() as recorded:
        for path in paths:
            Client(raise_request_exception=False).get(path)
    return recorded.tree()


def test_middlewares_and_the_view_are_spans():
    assert tree("/users/7") == (
        "http.server GET /users/<int:number>\n"
        "  middleware.django CommonMiddleware\n"
        "    view.render tests.middleware.pages_django.user\n"
        "      db load user\n"
    )


def test_a_view_class_and_a_template_have_their_names():
    said = tree("/page", "/shelf")
    assert "template.render page.html" in said
    assert "view.render tests.middleware.pages_django.Shelf" in said


def test_a_regular_expression_is_the_name_of_its_route():
    with record() as recorded:
        Client().get("/api/items/3")
    (item,) = recorded.transactions
    assert (item.name, item.source) == ("GET /api/items/(?P<item>[0-9]+)", "route")


def test_a_template_hands_the_trace_to_the_browser():
    with record() as recorded:
        text = Client().get("/page").content.decode()
    assert f'<meta name="sentry-trace" content="{recorded.transactions[0].trace_id}-' in text


def test_what_django_answers_itself_is_no_error():
    with record() as recorded:
        assert Client().get("/denied").status_code == 403
    assert recorded.errors == []
    assert recorded.transactions[0].status == "permission_denied"


def test_a_middleware_around_the_whole_is_the_only_one_and_gets_the_names():
    with record() as recorded:
        client = Client()
        client.handler._middleware_chain = None
        app = wsgi.Tracing(WSGIHandler())
        from werkzeug.test import Client as Caller

        Caller(app).get("/users/7").close()
    assert [item.name for item in recorded.transactions] == ["GET /users/<int:number>"]


def by_function(get_response):
    def respond(request):
        return get_response(request)

    return respond


@sync_and_async_middleware
def by_either(get_response):
    def call_next(request):
        return get_response(request)

    @wraps(call_next)
    def respond(request):
        return call_next(request)

    return markcoroutinefunction(respond) if iscoroutinefunction(get_response) else respond


class ByAnyName:
    def __init__(self, after_me):
        self.after_me = after_me

    def __call__(self, request):
        return self.after_me(request)


class Secretive:
    __slots__ = ("after_me",)

    def __init__(self, after_me):
        self.after_me = after_me

    def __call__(self, request):
        return self.after_me(request)


class AsyncOnly:
    sync_capable, async_capable = False, True

    def __init__(self, get_response):
        self.inner = get_response
        markcoroutinefunction(self)

    async def __call__(self, request):
        return await self.inner(request)


COMMON = "django.middleware.common.CommonMiddleware"


def in_order(*names):
    return ["instrument.middleware.django.Tracing", *(one if "." in one else f"{__name__}.{one}" for one in names)]


ALL_LAYERS = (
    "http.server GET /users/<int:number>\n"
    "  middleware.django by_function\n"
    "    middleware.django ByAnyName\n"
    "      middleware.django by_either\n"
    "        middleware.django AsyncOnly\n"
    "          middleware.django CommonMiddleware\n"
    "            view.render tests.middleware.pages_django.user\n"
    "              db load user\n"
)


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_middleware_is_a_span_wherever_the_one_before_it_keeps_it(client):
    chosen = in_order("by_function", "ByAnyName", "by_either", "AsyncOnly", COMMON)
    with override_settings(MIDDLEWARE=chosen), record() as recorded:
        answer = client(raise_request_exception=False).get("/users/7")
        if client is AsyncClient:
            answer = asyncio.run(answer)
    assert answer.status_code == 200
    assert recorded.tree() == ALL_LAYERS


class Helped:
    """Has a helper of its own that is adapted as Django adapts middlewares."""

    def __init__(self, get_response):
        self.get_response = get_response

        async def load():
            return "helped"

        self.load = async_to_sync(load)

    def __call__(self, request):
        answer = self.get_response(request)
        answer["X-Help"] = self.load()
        return answer


def by_two_ways(get_response):
    def proceed(request):
        return get_response(request)

    def middleware(request):
        return get_response(request) if request.method == "POST" else proceed(request)

    return middleware


def test_what_a_middleware_adapts_for_itself_is_left_alone_and_the_next_is_one_span():
    with override_settings(MIDDLEWARE=in_order("Helped", "by_two_ways", COMMON)), record() as recorded:
        answer = Client(raise_request_exception=False).get("/users/7")
    assert (answer.status_code, answer["X-Help"]) == (200, "helped")
    assert [line.split()[-1] for line in recorded.tree().splitlines()[1:4]] == [
        "Helped",
        "by_two_ways",
        "CommonMiddleware",
    ]


def test_the_view_is_a_span_whatever_a_middleware_hides():
    assert tree("/users/7", MIDDLEWARE=in_order("Secretive", COMMON)) == (
        "http.server GET /users/<int:number>\n"
        "  middleware.django Secretive\n"
        "    view.render tests.middleware.pages_django.user\n"
        "      db load user\n"
    )


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_an_asynchronous_view_is_a_span_in_both_kinds_of_handlers(client):
    with record() as recorded:
        answer = client().get("/shelf")
        answer = asyncio.run(answer) if client is AsyncClient else answer
    assert answer.content == b"shelf"
    assert "view.render tests.middleware.pages_django.Shelf" in recorded.tree()


def test_a_redirect_to_the_path_with_a_slash_has_one_name_for_all_paths():
    class Routes:
        urlpatterns = (path("slashed/<number>/", lambda request, number: HttpResponse("ok")),)

    with override_settings(ROOT_URLCONF=Routes), record() as recorded:
        assert [Client().get(f"/slashed/{number}").status_code for number in (1, 2)] == [301, 301]
        assert Client().get("/slashed/1/").status_code == 200
    assert [item.name for item in recorded.transactions] == ["GET <unmatched>"] * 2 + ["GET /slashed/<number>/"]


@pytest.mark.parametrize("page", ["/denied", "/denied-async"])
def test_an_answer_by_exception_is_the_status_of_the_view(page):
    async def denied(request):
        raise PermissionDenied

    class Routes:
        urlpatterns = (path("denied", pages_django.denied), path("denied-async", denied))

    with override_settings(ROOT_URLCONF=Routes), record() as recorded:
        Client().get(page)
    (view,) = [span for span in recorded.transactions[0].spans if span.op == "view.render"]
    assert view.status == "permission_denied"


def test_a_form_of_unknown_length_is_measured():
    told = []

    def respond(request):
        assert request.POST
        told.append(instrument.get_current_scope().request.get("data", "nothing"))
        return HttpResponse("ok")

    for text in ("lamp", "x" * 20_000):
        asked = RequestFactory().post("/", {"name": text})
        assert asked.POST
        del asked.META["CONTENT_LENGTH"]
        with record():
            Tracing(respond)(asked)
    assert told == [{"name": "lamp"}, ""]


class Limited(Tracing):
    routes = ("/users",)


def test_routes_limits_the_transactions():
    assert tree("/users/7", "/note", MIDDLEWARE=[f"{__name__}.Limited"]).splitlines()[0] == (
        "http.server GET /users/<int:number>"
    )
    assert tree("/note", MIDDLEWARE=[f"{__name__}.Limited"]) == "\n"


def broken_middleware(get_response):
    def respond(request):
        raise RuntimeError("middleware")

    return respond


def test_an_error_in_a_middleware_is_captured():
    with (
        override_settings(MIDDLEWARE=["instrument.middleware.django.Tracing", f"{__name__}.broken_middleware"]),
        record() as recorded,
    ):
        assert Client(raise_request_exception=False).get("/note").status_code == 500
    assert recorded.errors[0].exceptions[-1]["value"] == "middleware"
    assert recorded.errors[0].span_id == recorded.transactions[0].span_id


@pytest.mark.parametrize("read", [True, False])
def test_a_file_is_left_to_the_server_and_ends_the_request_when_it_is_closed(tmp_path, read):
    (tmp_path / "file").write_bytes(b"content")
    with record() as recorded:
        made = []

        def respond(request):
            made.append(FileResponse((tmp_path / "file").open("rb")))
            return made[0]

        response = Tracing(respond)(RequestFactory().get("/file"))
        assert response is made[0]
        assert response.file_to_stream is not None
        assert recorded.transactions == []
        if read:
            b"".join(response)
        response.close()
    assert recorded.transactions[0].status == "ok"


def test_an_error_passes_unchanged_when_nobody_answers_it():
    error = ValueError("x")

    def respond(request):
        raise error

    with record() as recorded, pytest.raises(ValueError) as raised:
        Tracing(respond)(RequestFactory().get("/"))
    assert raised.value is error
    assert len(recorded.errors) == 1


def test_a_handler_without_client_costs_nothing_and_works():
    assert Tracing(lambda request: HttpResponse("ok"))(pages_django_request()).content == b"ok"


def pages_django_request():
    return RequestFactory().get("/")
