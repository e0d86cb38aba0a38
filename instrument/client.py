"""Client: takes a finished item, runs the stages, hands it to the exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _guard
from ._books import Books, Stats
from .options import Options
from .recording import Event, SuppressBlock, count_event, spans_of, unrecorded

if TYPE_CHECKING:
    from .export import Exporter
    from .processing import Step

__all__ = ["Client"]

_OURS = f"{__package__}."


class Client:
    """One configuration at work, as `init` returns it."""

    def __init__(
        self, options: Options, steps: tuple[Step, ...], exporter: Exporter, books: Books, *, exporter_keeps_books: bool
    ) -> None:
        self.options = options
        self.exporter = exporter
        self.books = books
        self._stages = {
            kind: tuple((step.stage, f"dropped:{step.reason}") for step in steps if step.only in (None, kind))
            for kind in ("transaction", "error")
        }
        self._exporter_keeps_books = exporter_keeps_books
        # Ours record nothing of their own; whatever else takes items may use what is traced.
        exporters = getattr(exporter, "exporters", (exporter,))
        self._exporter_is_strange = any(not str(type(one).__module__).startswith(_OURS) for one in exporters)
        self.is_closed = False

    def capture(self, item: Event, hint: dict[str, Any]) -> str | None:
        """Process a finished item and export it; its id, or `None` when it was dropped."""
        if self.is_closed:
            count_event(self.books, item, "dropped:closed")
            return None
        spans = spans_of(item)  # as recorded: a hook may put anything in their place
        made = _guard.paired("processing", "dropped:internal_sdk_error", self._process, item, hint)
        if not isinstance(made, Event):
            count_event(self.books, item, made, spans)
            return None
        left = spans_of(made)
        if left < spans:
            self.books.count("spans", "dropped:before_send", spans - left)
        elif left > spans:
            self.books.count("spans", "started", left - spans)
        if _guard.guarded("exporter", False, self._export, made):
            return made.event_id
        count_event(self.books, made, "dropped:internal_sdk_error")
        return None

    def _process(self, item: Event, hint: dict[str, Any]) -> Event | str:
        """The item as the stages leave it, or the outcome to count when one of them has dropped it."""
        for stage, outcome in self._stages[item.kind]:
            made = stage(item, hint)
            if made is None:
                return outcome
            item = made
        return item

    def _export(self, item: Event) -> bool:
        if self._exporter_is_strange:
            unrecorded(self.exporter.export, item)
        else:
            self.exporter.export(item)
        if not self._exporter_keeps_books:
            count_event(self.books, item, "delivered")
        return True

    def flush(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds until everything has been taken by its destination. Whether it was."""
        with SuppressBlock():
            return bool(_guard.guarded("flush", False, self.exporter.flush, timeout))

    def close(self, timeout: float | None = None) -> bool:
        """Deliver what is there within `timeout` seconds and take nothing more."""
        if self.is_closed:
            return True
        done = self.leave(timeout)
        self.is_closed = True
        return done

    def leave(self, timeout: float | None) -> bool:
        """Deliver what can be delivered within `timeout` seconds, as the program ends.

        Threads that outlive the end of the main one may still record; what they finish is kept for the next process.
        """
        with SuppressBlock():
            return bool(_guard.guarded("close", False, self.exporter.close, timeout))

    def stats(self) -> Stats:
        """The books of what has reached this client. `instrument.stats()` also has what still runs."""
        return self.books.stats()
