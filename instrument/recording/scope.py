"""Scope: what belongs to everything captured in one unit of work: tags, user, contexts, breadcrumbs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from .. import _guard, _ids
from .breadcrumb import breadcrumb
from .current import set_span
from .span import Span, Transaction, here
from .suspended import Placement, is_collecting, place, release
from .trace import Recorder, Trace
from .values import plain, plain_mapping, put, put_group, text, type_name

__all__ = ["Scope"]


class Scope:
    """The data of one unit of work, and the way to the span that is current in it.

    The span itself belongs to the context (thread, task), not to this object: `span` and `transaction` tell what is
    current where they are asked.
    """

    def __init__(self, hub: Recorder, trace: Trace | None = None) -> None:
        self._hub = hub
        self._place: dict[str, Any] = {} if trace is None else {"trace": trace}
        self._unit: tuple[str | None, str | None] = (None, None)
        self.clear()

    def clear(self) -> None:
        """Forget all data. The current span stays."""
        self.tags: dict[str, str] = {}
        self.contexts: dict[str, dict[str, Any]] = {}
        self.extra: dict[str, Any] = {}
        self.user: dict[str, Any] | None = None
        self.request: dict[str, Any] | None = None
        self.breadcrumbs: deque[dict[str, Any]] = deque(maxlen=self._hub.options.max_breadcrumbs)

    def within(self, trace: Trace) -> Scope:
        """A scope with the same data that belongs to `trace`."""
        twin = self.copy()
        twin._place = {"trace": trace}
        return twin

    def copy(self) -> Scope:
        """A scope with the same data, which from then on goes its own way."""
        twin = Scope(self._hub, self.trace)
        twin._place["span_id"] = self.span_id
        twin._unit = self.unit()
        twin.tags = dict(self.tags)
        twin.contexts = dict(self.contexts)
        twin.extra = dict(self.extra)
        twin.user = self.user
        twin.request = self.request
        twin.breadcrumbs.extend(self.breadcrumbs)
        return twin

    @property
    def span(self) -> Span | None:
        """The span that is current in this context."""
        return here()

    @property
    def transaction(self) -> Transaction | None:
        """The transaction of the current span."""
        return self.get_transaction()

    def get_transaction(self) -> Transaction | None:
        """The transaction of the current span, or `None` when none is running here."""
        span = here()
        return span.transaction if span is not None else None

    def set_span(self, span: Span | None) -> None:
        """Make `span` (most often a transaction) current in this context until it is replaced or finished.

        `None` leaves nothing current. Inside `suppress()` it does nothing.
        """
        if span is not None and not issubclass(type(span), Span):
            _guard.say("set_span", f"set_span got no span but <{type_name(type(span))}>: ignored")
            return
        outer = here()
        if outer is not None and outer.suppresses is not None:
            return
        if outer is not None and type(getattr(outer, "_within", None)) is Placement:
            release(outer)
            outer = here()
        if is_collecting():
            return
        if span is None:
            set_span(None)
        elif span is not outer and span.end_ticks is None:
            place(span, outer)

    def set_tag(self, key: str, value: Any) -> None:
        """A short text to search by, on everything captured from now on."""
        put(self.tags, text(key), text(value))

    def set_user(self, user: Mapping[str, Any] | None) -> None:
        """Who it is done for: any of id, username, email, ip_address, and more."""
        self.user = plain_mapping(user) if user is not None else None

    def set_context(self, key: str, value: Mapping[str, Any]) -> None:
        """A named group of values."""
        put_group(self.contexts, text(key), plain_mapping(value))

    def set_extra(self, key: str, value: Any) -> None:
        """A single value."""
        put(self.extra, text(key), plain(value))

    def add_breadcrumb(self, /, crumb: Mapping[str, Any] | None = None, **fields: Any) -> None:
        """Note something that may explain a later error: a mapping, fields (category=, message=, data=), or both."""
        made: dict[str, Any] | None = breadcrumb(crumb, fields)
        before = self._hub.options.before_breadcrumb
        if before is not None:
            kept = _guard.foreign("before_breadcrumb", None, before, made, {})
            # It may hold anything by now, itself included.
            made = plain_mapping(kept) if type(kept) is dict else None
        if made is not None:
            self.breadcrumbs.append(made)

    def unit(self) -> tuple[str | None, str | None]:
        """The name of the unit of work and the source of it, for events outside of its transaction."""
        return self._unit

    @property
    def trace(self) -> Trace:
        """The trace that errors and outgoing requests belong to while no transaction runs."""
        trace: Trace = self._place.get("trace") or self._agree("trace", Trace(self._hub, None))
        return trace

    @property
    def span_id(self) -> str:
        """The span id that goes with `trace`."""
        span_id: str = self._place.get("span_id") or self._agree("span_id", _ids.span_id())
        return span_id

    def _agree(self, name: str, drawn: Any) -> Any:
        """What was drawn first, for all threads that share the scope: one step that nothing can come between."""
        return self._place.setdefault(name, drawn)
