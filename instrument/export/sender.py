"""The one thread of the package: it runs the delivery's steps and sleeps between them.

It is started by the first record, in the process that made the record, and never by a fork hook. It is a thread of the
interpreter's lowest kind: no start-up handshake, no lock of the `threading` module that a signal handler could find
taken, and the process does not wait for it.
"""

from __future__ import annotations

import _thread
import contextvars
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from .. import _clock, _fork, _guard
from ..recording import SuppressBlock
from ..transport import Transport
from .delivery import Delivery

__all__ = ["Sender", "pause"]

LINGER_SECONDS: Final = 0.1
REVIVAL_SECONDS: Final = 60.0
JOIN_SECONDS: Final = 0.05


def _genuine(name: str) -> Any:
    """Something of `_thread` as it was before gevent, if gevent has replaced it."""
    monkey = sys.modules.get("gevent.monkey")
    return getattr(_thread, name) if monkey is None else monkey.get_original("_thread", name)


def pause(seconds: float) -> None:
    """Let other threads run for a moment; other greenlets too, where threads are greenlets."""
    threading.Event().wait(seconds)


class Bell:
    """Wakes one sleeper. To ring takes no lock, so it may happen in a signal handler or a finalizer."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = _genuine("allocate_lock")()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the sleeper, or keep it from falling asleep the next time."""
        if self._lock.locked():
            try:
                self._lock.release()
            except RuntimeError:
                pass  # somebody else rang at the same moment

    def wait(self, seconds: float) -> bool:
        """Sleep until it rings. Whether it did."""
        return bool(self._lock.acquire(timeout=seconds))


class Sender:
    """Runs a delivery in a thread that exists only while it is needed and only in the process that needs it."""

    def __init__(self, delivery: Delivery, transport: Transport, *, linger: float = LINGER_SECONDS) -> None:
        self.delivery = delivery
        self._transport = transport
        self._linger = linger
        self._is_stopped = False
        self._died: float | None = None
        self._last: list[Callable[[], object]] = []
        self._renew()
        _fork.in_child(self._forget)

    @property
    def is_running(self) -> bool:
        """Whether the thread lives in this process."""
        return bool(self._life.locked()) and self._process == os.getpid()

    def wake(self) -> None:
        """There is something to send. Returns at once, in any thread, signal handler or finalizer."""
        if self._process != os.getpid():
            self._forget()  # a host that runs no fork hooks
        if self._life.locked():
            self._bell.ring()
        else:
            self._start()

    def hurry(self) -> None:
        """Send now what is there, without waiting for more to come."""
        self.wake()
        self._haste.ring()

    def settle(self, is_done: Callable[[], bool], is_hopeless: Callable[[], bool]) -> bool:
        """Wait until one of both is so. Whether it is done. Polls, as a waiter that is a greenlet must not block."""
        moment = 0.001
        while not is_done():
            if is_hopeless():
                return is_done()
            pause(moment)
            moment = min(moment * 2, 0.02)
        return True

    def stop(self, last: Callable[[], object]) -> None:
        """End the thread for good, and do `last` when it has ended. What is under way is broken off after a moment."""
        self._last.append(last)
        self._is_stopped = True
        self.delivery.is_halted = True
        self._bell.ring()
        self._haste.ring()
        self._join()
        self._transport.close()
        self._join()
        if not self.is_running:
            self._end()

    def _join(self) -> None:
        ends = _clock.seconds() + JOIN_SECONDS
        self.settle(lambda: not self.is_running, lambda: _clock.seconds() > ends)

    def _start(self) -> None:
        if self._is_stopped or (self._died is not None and _clock.seconds() - self._died < REVIVAL_SECONDS):
            return
        if _fork.is_unheard():
            return  # the workers' own threads come later; what is recorded until then waits in the spool
        life = self._life
        if not life.acquire(blocking=False):
            return
        try:
            _genuine("start_new_thread")(self._live, (life, self._bell, self._haste))
        except RuntimeError:
            life.release()  # no thread can be started here or now; the spool keeps what it has
        except BaseException:
            life.release()
            raise

    def _live(self, life: Any, bell: Bell, haste: Bell) -> None:
        try:
            # An empty context, as our own patch of threads hands the starter's on: nothing is recorded in here.
            if not _guard.guarded("sender", False, contextvars.Context().run, self._loop, bell, haste):
                self._died = _clock.seconds()
        finally:
            life.release()
            if self._is_stopped:
                self._end()

    def _end(self) -> None:
        try:
            _guard.guarded("sender", None, self._last.pop())
        except IndexError:
            pass  # it has been done

    def _loop(self, bell: Bell, haste: Bell) -> bool:
        # What the libraries below log, raise and send here is our own work, not the program's.
        with SuppressBlock():
            while not self._is_stopped:
                wait = self.delivery.step()
                if wait > 0 and bell.wait(wait) and self._linger and not self._is_stopped:
                    haste.wait(self._linger)
        return True

    def _renew(self) -> None:
        self._process = os.getpid()
        self._life = _genuine("allocate_lock")()
        self._bell = Bell()
        self._haste = Bell()

    def _forget(self) -> None:
        self._died = None
        self.delivery.forget()
        self._renew()
