"""What the pages of every application under test do, whatever framework they are written in."""

import os
import socket
import threading
import time

import instrument
from instrument.wire import EventCodec

LIMIT = 20.0


class Mouth:
    """An exporter that tells each event to the test at `port`, in a line of JSON. Every process has its connection."""

    def __init__(self, port):
        self._port = port
        self._pid = None
        self._lock = threading.Lock()
        self._codec = EventCodec()

    def export(self, item):
        with self._lock:
            if self._pid != os.getpid():
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=LIMIT)
                self._pid = os.getpid()
            self._socket.sendall(self._codec.encode(item) + b"\n")

    def flush(self, timeout=None):
        return True

    def close(self, timeout=None):
        with self._lock:
            if self._pid == os.getpid():
                self._socket.close()
                self._pid = None
        return True


def seen():
    """A header that says what a page would hand on of its trace."""
    return ("X-Seen", instrument.trace_headers().get("sentry-trace", ""))


def note(text="noted"):
    instrument.capture_message(text)
    return text


def user(number):
    with instrument.span("db", "load user"):
        return f"user {number}"


def boom(number):
    raise ValueError(f"boom {number}")


def mark_own(number):
    """The first half of the page that has a user, a tag and a breadcrumb of its own."""
    instrument.set_user({"id": number})
    instrument.set_tag("number", number)
    instrument.add_breadcrumb(message=f"own {number}")


def note_own(number):
    """The second half. In letters, because many messages that differ in a number only count as a storm of one."""
    return note(" ".join("zero one two three four five six seven eight nine".split()[int(digit)] for digit in number))


def own(number):
    mark_own(number)
    time.sleep(0.002)
    return note_own(number)


def wait_for_gate(port):
    """Go on when the test says so."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as gate:
        gate.recv(1)


def stream(port):
    with instrument.span("part", "first"):
        pass
    yield b"first"
    wait_for_gate(port)
    with instrument.span("part", "second"):
        pass
    yield b"second"


def broken():
    yield b"whole"
    raise RuntimeError("broken")


def endless():
    while True:
        yield b"x" * 65536
