"""Who is logged in, as the framework knows: told only where data about persons may be, and never asked for."""

import subprocess
import sys

import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_user
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import instrument
from instrument.middleware import flask, starlette
from instrument.testing import record
from tests.middleware.test_starlette import get

DJANGO = """
import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[
        "instrument.middleware.django.Tracing",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for tests",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from instrument.testing import record

urlpatterns = [
    path("asks", lambda request: HttpResponse(request.user.get_username())),
    path("silent", lambda request: HttpResponse("silent")),
]
call_command("migrate", verbosity=0)
client, stranger = Client(), Client()
client.force_login(User.objects.create_user("ada", "ada@shop.example", "secret"))
queries = []


def counted(execute, sql, params, many, context):
    queries.append(sql)
    return execute(sql, params, many, context)


def users(person, url, **options):
    queries.clear()
    with record(default_integrations=False, **options) as recorded, connection.execute_wrapper(counted):
        assert person.get(url).status_code == 200
    return recorded.transactions[0].user, len(queries)


told = {"send_default_pii": True}
assert users(client, "/asks", **told) == ({"id": "1", "username": "ada", "email": "ada@shop.example"}, 1)
assert users(client, "/silent", **told) == (None, 0)
assert users(client, "/asks") == (None, 1)
assert users(stranger, "/asks", **told) == (None, 0)
print("well")
"""


def test_django_tells_whom_the_view_has_asked_for_and_makes_no_query_of_its_own():
    done = subprocess.run([sys.executable, "-c", DJANGO], capture_output=True, text=True, timeout=60)
    assert done.stdout == "well\n", done.stderr


class Person(UserMixin):
    def __init__(self, key):
        self.id = key
        self.username = "ada"


def make_flask(loaded):
    app = Flask("shop")
    app.secret_key = "for tests"
    manager = LoginManager(app)

    @manager.user_loader
    def load(key):
        loaded.append(key)
        return Person(key)

    @app.get("/enter")
    def enter():
        return str(login_user(Person("7")))

    @app.get("/asks")
    def asks():
        known = current_user.is_authenticated
        instrument.capture_message("asked")
        return str(known)

    @app.get("/own")
    def own():
        assert current_user.is_authenticated
        instrument.set_user({"id": "mine"})
        return "own"

    @app.get("/silent")
    def silent():
        return "silent"

    return flask.trace(app)


@pytest.mark.parametrize("is_told", [True, False])
def test_flask_login_tells_whom_it_has_loaded(is_told):
    loaded = []
    client = make_flask(loaded).test_client()
    with record(send_default_pii=is_told) as recorded:
        for path in ("/asks", "/enter", "/asks", "/own", "/silent"):
            client.get(path).close()
    person = {"id": "7", "username": "ada"} if is_told else None
    by_name = [(item.name, item.user) for item in recorded.transactions]
    assert by_name == [
        ("GET /asks", None),
        ("GET /enter", person),
        ("GET /asks", person),
        ("GET /own", {"id": "mine"}),
        ("GET /silent", None),
    ]
    assert [error.user for error in recorded.errors] == [None, person]
    assert loaded == ["7", "7"]


class Backend(AuthenticationBackend):
    async def authenticate(self, conn):
        if "authorization" in conn.headers:
            return AuthCredentials(["authenticated"]), SimpleUser("ada")
        return None


@pytest.mark.parametrize("is_told", [True, False])
def test_starlette_tells_whom_its_middleware_has_found(is_told):
    app = Starlette(
        routes=[Route("/", lambda request: PlainTextResponse("ok"))],
        middleware=[Middleware(AuthenticationMiddleware, backend=Backend())],
    )
    with record(send_default_pii=is_told) as recorded:
        get(starlette.trace(app), "/", headers={"authorization": "Basic x"})
        get(app, "/")
    users = [item.user for item in recorded.transactions]
    assert users == [{"username": "ada"} if is_told else None, None]


def test_a_user_that_cannot_be_read_harms_nobody():
    class Broken(SimpleUser):
        @property
        def display_name(self):
            raise OSError("gone")

    class Breaking(Backend):
        async def authenticate(self, conn):
            return AuthCredentials([]), Broken("x")

    app = Starlette(
        routes=[Route("/", lambda request: PlainTextResponse("ok"))],
        middleware=[Middleware(AuthenticationMiddleware, backend=Breaking())],
    )
    with record(send_default_pii=True) as recorded:
        (answer,) = get(starlette.trace(app), "/")
    assert (answer.status_code, recorded.transactions[0].user) == (200, None)
