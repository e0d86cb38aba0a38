"""The spans that record nothing: outside a transaction, in an unsampled one, and where recording is suppressed."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .segment import NO_SEGMENT
from .span import Span, Transaction, here

__all__ = ["NOOP_SPAN", "NoopSpan", "NoopTransaction", "SuppressedTransaction", "is_suppressed"]


class _Noop(Span):
    """Every way to record, doing nothing."""

    __slots__ = ()

    def start_child(
        self,
        op: str | None = None,
        description: str | None = None,
        *,
        data: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> Span:
        return self._noop

    def set_tag(self, key: str, value: Any) -> None:
        pass

    def set_data(self, key: str, value: Any) -> None:
        pass

    def set_status(self, status: str) -> None:
        pass

    def set_http_status(self, code: int) -> None:
        pass

    def set_measurement(self, name: str, value: float, unit: str = "") -> None:
        pass


_NOTHING: Any = property(lambda _: None, lambda _, ignored: None)


class NoopSpan(_Noop):
    """A span that records nothing and never becomes current. As many share it, what is set on it is forgotten."""

    __slots__ = ("_of", "suppresses")

    op = description = status = data = tags = measurements = _NOTHING
    # Not kept in the slot: nothing here refers to itself, and waits for the collector.
    _noop: Any = property(lambda self: self)

    def __init__(self, transaction: NoopTransaction | None = None, *, suppresses: Any = None) -> None:
        self.start_ticks = self.end_ticks = 0
        self._id = self._parent = self._outer = None
        self._segment = NO_SEGMENT
        self._of = transaction
        self.suppresses = suppresses

    @property
    def trace_id(self) -> str:
        return self._of.trace_id if self._of is not None else ""

    @property
    def span_id(self) -> str:
        return self._of.span_id if self._of is not None else ""

    @property
    def parent_span_id(self) -> str | None:
        return None

    @property
    def sampled(self) -> bool | None:
        return self._of.sampled if self._of is not None else None

    @property
    def transaction(self) -> Transaction | None:
        return self._of

    def finish(self, status: str | None = None) -> None:
        pass

    def trace_headers(self) -> dict[str, str]:
        return self._of.trace_headers() if self._of is not None else {}

    def __enter__(self) -> NoopSpan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class NoopTransaction(_Noop, Transaction):
    """A transaction that is not recorded. It becomes current, so that what it calls learns of the decision.

    Its spans are one shared `NoopSpan`; its headers carry real ids and the decision.
    """

    __slots__ = ()

    def _begin(self) -> None:
        self._segment = NO_SEGMENT
        self._noop = NoopSpan(self)

    @property
    def transaction(self) -> Transaction | None:
        return self if self.end_ticks is None else None

    def set_context(self, key: str, value: dict[str, Any]) -> None:
        pass

    def _hand_over(self) -> None:
        pass


class SuppressedTransaction(NoopTransaction):
    """A transaction started before `init` or inside `suppress()`: it never becomes current, and has no headers."""

    __slots__ = ()

    def trace_headers(self) -> dict[str, str]:
        return {}

    def __enter__(self) -> SuppressedTransaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()


NOOP_SPAN = NoopSpan()
"""What `span(...)` gives where there is no transaction."""


def is_suppressed() -> bool:
    """Whether recording is suppressed here."""
    span = here()
    return span is not None and span.suppresses is not None
