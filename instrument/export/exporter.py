"""The shape of a destination, and the one that ships: encode, spool, send."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final, Protocol

from .. import _clock, _guard
from .._books import Books
from ..recording import Event, count_event
from ..wire import Codec
from .delivery import LANES
from .record import Kind, Record
from .sender import Sender
from .spool import Source

__all__ = ["Exporter", "Shipping", "Spool"]

TROUBLED_SECONDS: Final = 0.08
"""How long the end of the program waits for a destination that just failed."""
LAST_CHANCE_SECONDS: Final = 0.2
"""How long it waits for that when what is left would end with the program."""
PATIENCE_SECONDS: Final = 0.5
"""How long it waits without progress, unless what is left would end with the program."""


class Exporter(Protocol):
    """A destination. Whoever implements these three methods can be given to `init`."""

    def export(self, item: Event) -> None:
        """Take a finished transaction or error. Called in the thread that finished it, so be quick."""
        ...

    def flush(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds until all that was exported has been taken. Whether it was."""
        ...

    def close(self, timeout: float | None = None) -> bool:
        """Finish within `timeout` seconds and take nothing more. Whether all was taken."""
        ...


class Spool(Source, Protocol):
    """A source that records are added to."""

    @property
    def outlives(self) -> bool:
        """Whether all that waits here is kept for the next process."""
        ...

    def has_neighbours(self) -> bool:
        """Whether other processes may have left something."""
        ...

    def append(self, record: Record) -> None:
        """Keep `record` and count it as spooled."""
        ...


class Shipping:
    """Encodes an item in the caller's thread, spools it, and leaves the rest to the sender.

    `timeout` is what `None` means for `flush` and `close`, in seconds.
    """

    def __init__(self, codec: Codec, spool: Spool, sender: Sender, books: Books, *, timeout: float = 2.0) -> None:
        self.books = books
        self._codec = codec
        self._spool = spool
        self._sender = sender
        self._timeout = timeout
        self._is_closed = False

    def export(self, item: Event) -> None:
        """Spool `item`. It is safe from the end of this process when this returns, if there is a disk."""
        if self._is_closed:
            count_event(self.books, item, "dropped:closed")
            return
        records = _guard.guarded("encoding", None, self._codec.records, item)
        if records is None:
            count_event(self.books, item, "dropped:internal_sdk_error")
            return
        if len(records) > 1:  # the later parts are transactions too, and the spans were counted
            self.books.count("transactions", "started", len(records) - 1)
        for spans, payload in records:
            self._spool.append(Record(item.kind, spans, payload))
        self._sender.wake()

    def rouse(self) -> None:
        """Start the sender if there may be something to adopt."""
        if self._spool.has_neighbours():
            self._sender.wake()

    def flush(self, timeout: float | None = None, *, orphans: bool = False) -> bool:
        """Wait until all that was exported before has been taken or refused for good; false when time is up.

        With `orphans` also for what dead processes left to this destination.
        """
        delivery = self._sender.delivery
        goals = {kind: self._spool.pending(kind)[0] for kind in LANES}
        goals = {kind: delivery.finished[kind] + count for kind, count in goals.items() if count}
        if orphans:
            delivery.look_for_orphans()
        delivery.report_now()
        if not goals and not orphans and delivery.is_settled():
            return True
        self._sender.hurry()
        ends = _clock.seconds() + (self._timeout if timeout is None else timeout)

        def is_over() -> bool:
            return _clock.seconds() >= ends or not self._sender.is_running

        if not self._sender.settle(lambda: self._has_reached(goals), is_over):
            return False
        # A report of losses goes along, but whether it arrives is not the question.
        self._sender.settle(delivery.is_settled, lambda: is_over() or delivery.backoff.failures > 0)
        return not orphans or self._sender.settle(lambda: not delivery.has_orphans(), is_over)

    def close(self, timeout: float | None = None) -> bool:
        """Send what is there while that makes progress, then end the thread. What is left stays in the spool."""
        at_exit = not threading.main_thread().is_alive()
        is_drained = self._drain(self._timeout if timeout is None else timeout)
        # A thread that dies in the middle of a line would take the lock of stderr with it.
        self._sender.delivery.is_quiet = at_exit
        # At the end of the program others may still record; that goes to a new folder, for the next process.
        self._is_closed = not at_exit
        self._sender.stop(self._let_go)
        return is_drained

    def _let_go(self) -> None:
        self._sender.delivery.let_go()
        self._spool.close()

    def _drain(self, timeout: float) -> bool:
        delivery = self._sender.delivery
        delivery.report_now()
        if self._is_drained() and delivery.is_settled():
            return True
        self._sender.hurry()
        begin = _clock.seconds()

        def is_hopeless() -> bool:
            now = _clock.seconds()
            if not self._sender.is_running:
                return True
            outlives = self._spool.outlives
            patience = PATIENCE_SECONDS if outlives else timeout
            if delivery.is_troubled(patience):
                return now - begin > min(TROUBLED_SECONDS if outlives else LAST_CHANCE_SECONDS, timeout)
            return now - begin > timeout or now - max(begin, delivery.progress_at) > patience

        self._sender.settle(lambda: self._is_drained() and delivery.is_settled(), is_hopeless)
        return self._is_drained()

    def _is_drained(self) -> bool:
        return not any(self._spool.pending(kind)[0] for kind in LANES)

    def _has_reached(self, goals: Mapping[Kind, int]) -> bool:
        delivery = self._sender.delivery
        if not all(delivery.finished[kind] >= goal for kind, goal in goals.items()) and not self._is_drained():
            return False
        return not delivery.is_finishing
