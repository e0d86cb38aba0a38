"""WSGI applications, on the servers that they are run with."""

import io
import os
import socket
import subprocess
import sys
import threading
import wsgiref.simple_server
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn

from tests.contracts.http_server import ServerContract
from tests.middleware.pages_wsgi import app

ROOT = Path(__file__).parent.parent.parent


class Silent(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass

    def get_stderr(self):
        return io.StringIO()


class Threaded(ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


@contextmanager
def wsgiref_server(application):
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, application, Threaded, Silent)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def gunicorn(target, ear, *arguments):
    """Gunicorn on a socket that listens already."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        descriptor = listener.fileno()
        command = [sys.executable, "-m", "gunicorn", "-b", f"fd://{descriptor}", "--log-level", "critical", *arguments]
        environment = {**os.environ, "EAR": str(ear.port), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [*command, "--graceful-timeout", "1", target], pass_fds=[descriptor], cwd=ROOT, env=environment
        )
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            process.wait(20)


class TestWsgiref(ServerContract):
    @classmethod
    def serve(cls, ear):
        return wsgiref_server(app)


class Gunicorn(ServerContract):
    in_this_process = False
    arguments = ()

    @classmethod
    def serve(cls, ear):
        return gunicorn("tests.middleware.pages_wsgi:app", ear, *cls.arguments)


class TestGunicornSync(Gunicorn):
    arguments = ("-w", "2")


class TestGunicornThreads(Gunicorn):
    arguments = ("-k", "gthread", "--threads", "16", "--preload")


class TestGunicornGevent(Gunicorn):
    arguments = (
        "-k",
        "gevent",
    )
