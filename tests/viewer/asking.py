"""Requests to the viewer as anything might send them, down to the bytes."""

import json
import socket
from http.client import HTTPResponse

import attrs

from instrument.viewer import Viewer

LIMIT = 20.0


@attrs.frozen
class Reply:
    """What came back, whole."""

    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    @property
    def data(self):
        return json.loads(self.body)


def connect(port, address="127.0.0.1"):
    return socket.create_connection((address, port), timeout=LIMIT)


def read(connection, method="GET"):
    """The reply on a connection; `None` when it is closed without one."""
    response = HTTPResponse(connection, method=method)
    try:
        response.begin()
    except (ConnectionError, OSError):
        return None
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def send(port, *lines, address="127.0.0.1"):
    """The reply to a head of these lines."""
    with connect(port, address) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return read(connection, lines[0].partition(" ")[0])


def head(viewer, path="/", method="GET", *, host=None, cookie=None, **fields):
    """The lines of a request that is in order but for what is given otherwise."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{viewer.port}'}"]
    if cookie is not None:
        lines.append(f"Cookie: {cookie}")
    return [*lines, *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]


def cookie_of(viewer):
    """What a browser has after it was shown the address."""
    reply = send(viewer.port, *head(viewer, f"/?token={viewer.gate.token}"))
    return reply.headers["set-cookie"].partition(";")[0]


def get(viewer, path, **fields):
    """What the page would be answered."""
    return send(viewer.port, *head(viewer, path, cookie=cookie_of(viewer), **fields))


def viewing(path, **settings):
    """A viewer at any free port."""
    return Viewer(path, 0, **settings)
