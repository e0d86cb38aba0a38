"""The three jobs of a middleware, each done by a middleware of its own."""

import instrument
from instrument.middleware.wsgi import Tracing
from instrument.testing import record

TRACE = "a" * 32


def test_what_happens_outside_the_transaction_belongs_to_its_trace_when_another_middleware_made_the_scope():
    seen = []

    def app(environ, start_response):
        start_response("200 OK", [])
        return [b""]

    traced = Tracing(app, isolation=False)

    def between(environ, start_response):
        body = traced(environ, start_response)
        seen.append(instrument.get_current_scope().trace.id)
        instrument.capture_message("after it")
        return body

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/a",
        "HTTP_SENTRY_TRACE": f"{TRACE}-{'b' * 16}-1",
    }
    with record() as recorded:
        for _ in Tracing(between, transactions=False)(environ, lambda status, headers, exc_info=None: None):
            pass
    assert seen == [TRACE] == [one.trace_id for one in recorded.transactions]
    assert [one.trace_id for one in recorded.errors] == [TRACE]


def test_two_middlewares_around_a_streamed_answer_leave_nothing_in_the_environ():
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"a"

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a"}
    with record():
        body = Tracing(Tracing(app))(environ, lambda status, headers, exc_info=None: None)
        assert list(body) == [b"a"]
        body.close()
        del body
        assert environ.keys() == {"REQUEST_METHOD", "PATH_INFO"}
