"""The last of three services: a WSGI application that asks nobody.

Prints the port it listens at, and ends when its input does. It answers with the `sentry-trace` that came.
"""

import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import instrument
from instrument.middleware.wsgi import Tracing

instrument.init()


def app(environ, start_response):
    instrument.get_current_transaction().set_name("GET /last", source="route")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["HTTP_SENTRY_TRACE"].encode()]


class Silent(WSGIRequestHandler):
    def log_message(self, *_):
        pass


with make_server("127.0.0.1", 0, Tracing(app), handler_class=Silent) as server:
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    server.shutdown()
instrument.close(timeout=30)
