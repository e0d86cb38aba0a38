"""Trace: the ids and the sampling decision that all parts of a trace share, and the headers that carry them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from .. import _fork, _ids
from .._books import Books
from ..options import Options
from ..propagation import HeaderWriter, TraceContext, sample_rand, sampling_context

__all__ = ["Recorder", "Trace"]

MOST_AHEAD: Final = 64
"""Span ids that are drawn at once."""

LONGEST_NAME: Final = 200
"""Characters of a transaction's name in the sampling context, as in the event."""


class Recorder(Protocol):
    """What traces, scopes and segments know of the hub that they belong to."""

    options: Options
    books: Books
    open_spans: Any
    clean: Callable[[str], str]

    def begun(self, segment: Any) -> None:
        """A transaction was started."""

    def hand_over(self, transaction: Any, segment: Any) -> None:
        """A transaction has finished."""

    def deliver_late(self, span: Any, segment: Any) -> None:
        """A span has finished whose transaction was handed over before."""

    def deliver_part(self, spans: list[Any], segment: Any) -> None:
        """Spans have finished late that belong together."""


class Trace:
    """One trace as this process knows it: begun here, or continued from a `TraceContext` that came in."""

    __slots__ = ("_drawn", "_frozen", "_rand", "_stock", "_writer", "hub", "id", "incoming", "rate", "sampled")

    def __init__(
        self, hub: Recorder, incoming: TraceContext | None, sampled: bool | None = None, rate: float | None = None
    ) -> None:
        self.hub = hub
        self.incoming = incoming
        self.sampled = sampled
        self.rate = rate
        """The rate by which it was decided here; `None` where the decision was the caller's."""
        # Drawn at once: threads that ask for it at the same moment must get the same.
        self.id = incoming.trace_id if incoming is not None else _ids.trace_id()
        self._rand: str | None = None
        self._frozen: dict[str, str] | None = None
        self._writer: HeaderWriter | None = None
        self._stock: list[str] = []
        self._drawn = 0, 0

    @property
    def parent_span_id(self) -> str | None:
        """The id of the caller's span, where the trace came in from elsewhere."""
        return self.incoming.parent_span_id if self.incoming is not None else None

    def draw_span_id(self) -> str:
        """A new id for a span, out of a few drawn ahead: each time twice as many, as asking the system is what costs.

        A forked child does not take what its parent has drawn.
        """
        process, count = self._drawn
        if process == _fork.process_id():
            try:
                return self._stock.pop()
            except IndexError:
                pass
        else:
            count = 0
        count = min(2 * count, MOST_AHEAD) or 1
        drawn, *self._stock = _ids.span_ids(count)
        self._drawn = _fork.process_id(), count
        return drawn

    @property
    def rand(self) -> str | None:
        """The trace's random number in [0, 1), six decimals: what came in, or one that fits the decision."""
        if self._rand is None:
            incoming = self.incoming
            if incoming is None:
                self._rand = sample_rand(self.id, None, None)
            else:
                self._rand = incoming.sample_rand or sample_rand(self.id, incoming.sampled, incoming.parent_sample_rate)
        return self._rand

    def random(self) -> float:
        """The same as a number; where none fits what came in, one for a decision of our own."""
        return float(self.rand or self._redrawn())

    def _redrawn(self) -> str:
        self._rand = sample_rand(self.id) or ""
        return self._rand

    def sampling_context(self, name: str | None, source: str | None) -> dict[str, str]:
        """The dynamic sampling context, frozen at its first use; empty when a caller froze an empty one."""
        frozen = self._frozen
        if not frozen:
            incoming = self.incoming
            if incoming is not None and incoming.dynamic_sampling_context is not None:
                values = self._continued(dict(incoming.dynamic_sampling_context))
            else:
                values = self._begun(None if source == "url" else name)
            if frozen is None:
                frozen = self._frozen = values
            else:
                frozen.update(values)
        return frozen

    @property
    def sampling_context_to_be(self) -> dict[str, str]:
        """The same mapping before its first use, when it is still empty."""
        if self._frozen is None:
            self._frozen = {}
        return self._frozen

    def headers(self, span_id: str, name: str | None = None, source: str | None = None) -> dict[str, str]:
        """The headers that make another service's work a child of the span with `span_id`."""
        return self.header_writer(name, source).write(span_id)

    def header_writer(self, name: str | None = None, source: str | None = None) -> HeaderWriter:
        """What writes these headers, for any span. `name` and `source` are the transaction's when first asked."""
        writer, formats = self._writer, self.hub.options.propagate
        if writer is None or writer.sampled is not self.sampled or writer.formats is not formats:
            incoming = self.incoming
            writer = self._writer = HeaderWriter(
                trace_id=self.id,
                sampled=self.sampled,
                dynamic_sampling_context=self._shown(self.sampling_context(name, source)),
                tracestate=incoming.tracestate if incoming is not None else None,
                formats=formats,
            )
        return writer

    def _shown(self, context: dict[str, str]) -> dict[str, str]:
        """The context as other services may read it: a name that this process put into it is a program's text."""
        name = context.get("transaction")
        if name is None or (self.incoming is not None and self.incoming.dynamic_sampling_context is not None):
            return context
        return {**context, "transaction": self.hub.clean(name)}

    def _begun(self, name: str | None) -> dict[str, str]:
        options = self.hub.options
        dsn = options.dsn
        if name is not None and len(name) > LONGEST_NAME:
            # Cut before that, a secret would not be known for one.
            name = self.hub.clean(name).strip()
            name = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."
        return sampling_context(
            trace_id=self.id,
            public_key=dsn.public_key if dsn is not None else None,
            sample_rate=self.rate,
            sample_rand=self.rand,
            sampled=self.sampled,
            release=options.release,
            environment=options.environment,
            transaction=name,
            org_id=options.org_id,
        )

    def _continued(self, values: dict[str, str]) -> dict[str, str]:
        if not values:
            return values
        if self.rate is not None:
            values["sample_rate"] = repr(float(self.rate))
        if "sample_rand" not in values and self.rand is not None:
            values["sample_rand"] = self.rand
        return values
