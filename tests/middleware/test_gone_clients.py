"""A client that goes away while its body is read or its answer written: real servers, connections that are reset."""

import logging
import socket
import struct
import threading

import pytest

from tests.middleware import pages_django  # configures Django before anything of it is imported

from django.core.handlers.wsgi import WSGIHandler  # isort: skip
from django.core.signals import got_request_exception
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import path

import instrument
from instrument.exporters import Memory
from instrument.middleware.wsgi import Tracing
from tests.middleware.test_wsgi import wsgiref_server

LIMIT = 20.0
assert pages_django
logging.getLogger("django").setLevel(logging.CRITICAL)


class Told(Memory):
    """Knows when the transaction of the only request has come."""

    def __init__(self):
        super().__init__()
        self.came = threading.Event()

    def export(self, item):
        super().export(item)
        if item in self.transactions:
            self.came.set()


def reset(connection):
    """Go away without a word, so that the server's next read or write fails."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def recorded_of(app, request, begun):
    """What is recorded of a request whose client goes away once the application has `begun`."""
    told = Told()
    instrument.init(exporter=told)
    with wsgiref_server(app) as port:
        connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        connection.sendall(request)
        assert begun.wait(LIMIT)
        reset(connection)
        assert told.came.wait(LIMIT)
    return told


UPLOAD = b"POST /body HTTP/1.0\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\nabc"


def test_while_the_answer_is_written():
    begun = threading.Event()

    def app(environ, start_response):
        write = start_response("200 OK", [])
        begun.set()
        while True:
            write(b"x" * 65536)

    told = recorded_of(Tracing(app), b"GET /file HTTP/1.0\r\n\r\n", begun)
    assert [item.status for item in told.transactions] == ["cancelled"]
    assert told.errors == []


@pytest.mark.parametrize("late", [False, True])
def test_while_the_body_is_read(late):
    begun = threading.Event()

    def read(environ):
        begun.set()
        return environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))

    def app(environ, start_response):
        start_response("200 OK", [])
        return late_body(environ) if late else [read(environ)]

    def late_body(environ):
        yield read(environ)

    told = recorded_of(Tracing(app), UPLOAD, begun)
    assert [item.status for item in told.transactions] == ["cancelled"]
    assert told.errors == []


def test_an_error_of_the_applications_own_is_one_all_the_same():
    begun = threading.Event()

    def app(environ, start_response):
        begun.set()
        try:
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        except OSError:
            pass
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=LIMIT)

    told = recorded_of(Tracing(app), UPLOAD, begun)
    assert [item.status for item in told.transactions] == ["internal_error"]
    assert [error.exceptions[-1]["type"] for error in told.errors] == ["ConnectionRefusedError"]


def test_what_django_says_in_place_of_it_is_no_error_either():
    begun = threading.Event()

    def body(request):
        begun.set()
        return HttpResponse(request.body)

    class Routes:
        urlpatterns = (path("body", body),)

    with override_settings(ROOT_URLCONF=Routes):
        told = recorded_of(WSGIHandler(), UPLOAD, begun)
    (item,) = told.transactions
    assert (item.name, item.status) == ("POST /body", "cancelled")
    assert [span.status for span in item.spans if span.op == "view.render"] == ["cancelled"]
    assert told.errors == []


def test_it_is_none_in_a_request_that_is_no_transaction():
    begun, answered = threading.Event(), threading.Event()

    def body(request):
        begun.set()
        return HttpResponse(request.body)

    class Routes:
        urlpatterns = (path("body", body),)

    memory = Memory()
    instrument.init(exporter=memory)
    with override_settings(ROOT_URLCONF=Routes), wsgiref_server(WSGIHandler()) as port:
        # It is told after our own middleware, which was there first.
        got_request_exception.connect(told := lambda **_: answered.set())
        connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        connection.sendall(UPLOAD.replace(b"POST", b"PATCHED"))
        assert begun.wait(LIMIT)
        reset(connection)
        assert answered.wait(LIMIT)
        got_request_exception.disconnect(told)
    assert (memory.errors, memory.transactions) == ([], [])
