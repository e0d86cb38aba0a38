"""ASGI applications on uvicorn."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.contracts.http_server import LIMIT, PARENT, ServerContract, new_trace
from tests.middleware.pages_asgi import app


@contextmanager
def uvicorn_server(application, **options):
    """Uvicorn in a thread, on a socket that listens already."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        config = uvicorn.Config(application, log_level="critical", timeout_graceful_shutdown=1, **options)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(LIMIT)


class AsgiContract(ServerContract):
    origin = "auto.http.asgi"

    def test_a_body_that_was_read_is_told(self):
        body = b'{"name": "lamp", "password": "x"}'
        item = self.one(self.ask("/users/7", "POST", body=body, headers={"Content-Type": "application/json"}))
        assert item["request"]["data"] == {"name": "lamp", "password": "[Filtered]"}


class TestUvicorn(AsgiContract):
    @classmethod
    def serve(cls, ear):
        return uvicorn_server(app)

    def test_a_websocket_has_a_transaction_for_its_opening_and_for_each_message(self):
        trace_id = new_trace()
        headers = {"sentry-trace": f"{trace_id}-{PARENT}-1"}
        with connect(f"ws://127.0.0.1:{self._port}/talk", additional_headers=headers) as connection:
            connection.send("one")
            heard = connection.recv(LIMIT)
            connection.send("two")
            connection.recv(LIMIT)
        items = self.ear.of(trace_id, transactions=3).transactions
        opening, *messages = items
        assert {item["contexts"]["trace"]["op"] for item in items} == {"websocket.server"}
        assert opening["contexts"]["trace"]["parent_span_id"] == PARENT
        assert opening["tags"]["http.status_code"] == "101"
        for item, said in zip(messages, ("one", "two"), strict=False):
            assert item["contexts"]["trace"]["parent_span_id"] == opening["contexts"]["trace"]["span_id"]
            assert [span["description"] for span in item["spans"]] == [said]
        assert heard.split("-")[1] == messages[0]["contexts"]["trace"]["span_id"]

    def test_an_error_over_a_message_belongs_to_it(self):
        trace_id = new_trace()
        headers = {"sentry-trace": f"{trace_id}-{PARENT}-1"}
        with connect(f"ws://127.0.0.1:{self._port}/talk", additional_headers=headers) as connection:
            connection.send("boom")
            with pytest.raises(ConnectionClosed):
                connection.recv(LIMIT)
        trace = self.ear.of(trace_id, transactions=2, errors=1)
        (error,) = trace.errors
        assert trace.transactions[1]["contexts"]["trace"]["status"] == "internal_error"
        assert error["contexts"]["trace"]["span_id"] == trace.transactions[1]["contexts"]["trace"]["span_id"]


def test_the_life_of_the_server_is_no_request():
    came = []

    async def inner(scope, receive, send):
        came.append((scope, receive, send))

    from instrument.middleware.asgi import Tracing

    given = ({"type": "lifespan"}, object(), object())
    asyncio.run(Tracing(inner)(*given))
    assert came == [given]
    assert came[0][1] is given[1]
