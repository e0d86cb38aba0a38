"""The shape that all incoming requests share: a request comes in, is worked on, and its answer ends.

An adapter says how to read a method, a path and headers, and tells when the answer begins and when its body has ended;
everything else is decided here. There are three jobs: a scope of its own for each request, a transaction for each
request, and the capture of what the application lets through. Of several middlewares around one another, each job is
done by the outermost that has it.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .. import _guard
from ..propagation import read_headers
from ..recording import (
    HUB,
    NoopTransaction,
    Scope,
    Span,
    Trace,
    Transaction,
    begin_transaction,
    capture_error,
    get_span,
    is_suppressed,
    set_span,
    span,
    swap_scope,
)
from ._jobs import ERRORS, ISOLATION, TRANSACTIONS, Jobs
from ._request_data import Head, request_data

__all__ = ["KEY", "Incoming", "Layer", "incoming_of"]

KEY = "instrument.request"
"""Where a WSGI environ or an ASGI scope has the request as we know it."""

UNMATCHED = "<unmatched>"
"""In place of the path in the name of a request that no route was found for."""

_IGNORED_STATUS = range(400, 500)
_DISCONNECTS = frozenset({"ClientDisconnect", "ClientDisconnected", "WebSocketDisconnect"})
_UNROUTED = frozenset({404, 405})


class RequestScope(Scope):
    """The scope of one request. What is known of the request is put together when an event asks for it."""

    def __init__(self, head: Head, trace: Trace | None) -> None:
        self._head = head
        super().__init__(HUB, trace)
        self._is_user_set = False

    @property
    def request(self) -> dict[str, Any] | None:
        """The `request` of events in this scope."""
        if self._given is None:
            return _guard.guarded("request data", None, request_data, self._head, HUB.options)
        return self._given

    @request.setter
    def request(self, given: dict[str, Any] | None) -> None:
        self._given = given

    @property
    def user(self) -> dict[str, Any] | None:
        """The `user` of events: whom the program has set, or, if that may be told, whom the framework knows."""
        user_of = self._head.user_of
        if self._is_user_set or user_of is None or not HUB.options.send_default_pii:
            return self._user
        known = _guard.foreign("user of the request", None, user_of)
        return {key: value for key, value in known.items() if value not in (None, "")} or None if known else None

    @user.setter
    def user(self, given: dict[str, Any] | None) -> None:
        self._user = given
        self._is_user_set = True

    def continue_trace(self, trace: Trace) -> None:
        """Belong to `trace` from now on."""
        self._trace = trace


class Incoming:
    """A request from the moment it comes in until the body of its answer has ended.

    Between `enter` and `leave` its scope and span are current in the context; outside it is as if it were not there.
    """

    __slots__ = (
        "_outer_scope",
        "_outer_span",
        "_owns",
        "_scope",
        "_span",
        "bits",
        "code",
        "head",
        "is_gone",
        "layers",
        "prefix",
        "transaction",
    )

    head: Head
    transaction: Transaction | None
    """The transaction of the request, also when another middleware has started it."""
    bits: int
    """The jobs that are done for this request, here or further out."""
    code: int | None
    """The status of the answer, once it is known."""
    is_gone: bool
    """Whether the client has gone before the answer ended."""
    prefix: str
    """The route as far as it is known from the routers that have handed the request on."""
    layers: list[Span]
    """The spans that are open for parts of the framework, the innermost last: they end with the request."""
    _owns: int
    _outer_scope: Any
    _outer_span: Span | None
    _scope: RequestScope | None
    _span: Span | None

    @classmethod
    def begin(cls, head: Head, jobs: Jobs) -> Incoming | None:
        """Take a request on and enter it. `None` where nothing is left to be done or nothing is recorded."""
        if not HUB.is_recording or is_suppressed():
            return None
        return _guard.guarded("incoming request", None, cls._begin, head, jobs)

    @classmethod
    def _begin(cls, head: Head, jobs: Jobs) -> Incoming | None:
        former: Incoming | None = head.carrier.get(KEY)
        todo = jobs.bits if former is None else jobs.bits & ~former.bits
        if not todo:
            return None
        request = cls()
        request.head = head
        request.code = None
        request.is_gone = False
        request.prefix = ""
        request.layers = []
        request.transaction = request._scope = None
        request.bits = request._owns = todo
        if former is not None:
            request.bits |= former.bits
            request.prefix = former.prefix
            request.transaction, request._scope = former.transaction, former._scope
        trace = request._start(jobs) if todo & TRANSACTIONS else None
        if todo & ISOLATION:
            request._scope = RequestScope(head, trace)
        elif trace is not None and request._scope is not None:
            request._scope.continue_trace(trace)
        head.carrier[KEY] = request
        request._enter_first()
        return request

    def _start(self, jobs: Jobs) -> Trace | None:
        """Start the transaction, or at least continue the trace."""
        head = self.head
        if not jobs.takes(head):
            # Another middleware, further in, may want it.
            self.bits &= ~TRANSACTIONS
            self._owns &= ~TRANSACTIONS
            return _continued(head)
        if not jobs.wants(head):
            return _continued(head)
        context = _sampling_context(head) if HUB.options.traces_sampler is not None else None
        begun = begin_transaction(
            head.op, f"{head.method} {head.path}", source="url", headers=head.headers, sampling_context=context
        )
        if not isinstance(begun, NoopTransaction):
            begun.data = {"sentry.origin": head.origin, "http.request.method": head.method, "url.path": head.path}
        self.transaction = begun
        return begun.trace

    def _enter_first(self) -> None:
        self._outer_span = get_span()
        if self._owns & ISOLATION:
            self._outer_scope = swap_scope(self._scope)
            if self._outer_span is not None:
                set_span(None)
        if self._owns & TRANSACTIONS and self.transaction is not None:
            self.transaction.__enter__()

    def enter(self) -> None:
        """Be current in this context, as it was when the request was left."""
        if self._owns & ISOLATION:
            self._outer_scope = swap_scope(self._scope)
        if self._owns & (ISOLATION | TRANSACTIONS):
            self._outer_span = get_span()
            set_span(self._span)

    def leave(self) -> None:
        """Put back what was current in this context."""
        if self._owns & (ISOLATION | TRANSACTIONS):
            self._span = get_span()
            set_span(self._outer_span)
            self._outer_span = None
        if self._owns & ISOLATION:
            swap_scope(self._outer_scope, only_if=self._scope)
            self._outer_scope = None

    def name(self, route: str) -> None:
        """The route that was found, in the framework's own spelling: the name of the transaction from now on."""
        transaction = self.transaction
        if transaction is not None and transaction.source == "url":
            transaction.set_name(f"{self.head.method} {self.prefix}{route}", "route")
            if transaction.data is not None:
                transaction.data["http.route"] = f"{self.prefix}{route}"

    def failed(self, error: BaseException, mechanism: str | None = None) -> None:
        """The application let `error` through, or the framework is about to answer it with a 500."""
        _guard.guarded("failed request", None, self._failed, error, mechanism or self.head.mechanism)

    def _failed(self, error: BaseException, mechanism: str) -> None:
        if isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and error.code in (None, 0)):
            return
        if _is_cancellation(error) or (self.is_gone and _is_disconnect(error)):
            self.is_gone = True
            return
        code = _guard.foreign("status of an error", None, _code_of, error)
        if self.code is None:
            self.code = code or 500
        if self._owns & TRANSACTIONS and self.transaction is not None and self.code < 400:
            self.transaction.set_status("internal_error")
        if self.bits & ERRORS and code not in _IGNORED_STATUS:
            self.capture(error, mechanism)

    def capture(self, error: BaseException, mechanism: str) -> None:
        """Send `error` with the trace context of the transaction, unless a span of the program's has noted itself."""
        current = get_span()
        if self.transaction is not None:
            set_span(self.transaction)
        try:
            capture_error(error, mechanism=mechanism, handled=False)
        finally:
            set_span(current)

    def finish(self) -> None:
        """The answer has ended. Only the first call counts."""
        transaction = self.transaction
        if transaction is not None and transaction.end_ticks is None and self._owns & TRANSACTIONS:
            _guard.guarded("finished request", None, self._finish, transaction)

    def _finish(self, transaction: Transaction) -> None:
        self._settle(transaction)
        current = get_span()
        outer = swap_scope(self._scope) if self._scope is not None else None
        try:
            while self.layers:
                self.layers.pop().finish()
            transaction.finish()
        finally:
            if self._scope is not None:
                swap_scope(outer)
            set_span(current)

    def let_go(self) -> None:
        """Nothing more will happen to it: the environ or ASGI scope forgets it, so that nothing goes in a circle."""
        self.head.carrier.pop(KEY, None)

    def abandon(self) -> None:
        """Nobody will ask for the rest of the answer. May be called by a finalizer, so nothing is made current."""
        self.let_go()
        transaction = self.transaction
        if transaction is not None and transaction.end_ticks is None and self._owns & TRANSACTIONS:
            self.is_gone = True
            self._settle(transaction)
            transaction.finish()

    def _settle(self, transaction: Transaction) -> None:
        code = self.code
        if code is not None:
            failed = transaction.status
            transaction.set_http_status(code)
            if failed is not None and code < 400:
                transaction.set_status(failed)
            if code in _UNROUTED and transaction.source == "url":
                transaction.set_name(f"{self.head.method} {UNMATCHED}")
        if self.is_gone:
            transaction.set_status("cancelled")


class Layer:
    """A span for a part of the framework. An error that passes belongs to what raised it, and is not noted here."""

    __slots__ = ("_incoming", "span")

    def __init__(self, incoming: Incoming, op: str, description: str | None) -> None:
        self._incoming = incoming
        self.span = span(op, description)

    def __enter__(self) -> Span:
        self._incoming.layers.append(self.span)
        return self.span.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        layers = self._incoming.layers
        if self.span in layers:
            layers.remove(self.span)
        code = _guard.foreign("status of an error", None, _code_of, error) if error is not None else None
        if code is not None:
            self.span.set_http_status(code)
        self.span.finish("internal_error" if kind is not None and code is None else None)
        self.span.leave()


def incoming_of(carrier: Any) -> Incoming | None:
    """The request that a WSGI environ or an ASGI scope belongs to, if a middleware of ours has seen it."""
    found = carrier.get(KEY)
    return found if isinstance(found, Incoming) else None


def _continued(head: Head) -> Trace | None:
    """The trace that the caller is in, for a request that is no transaction of its own."""
    options = HUB.options
    incoming = read_headers(
        head.headers, formats=options.propagate, org_id=options.org_id, strict=options.strict_trace_continuation
    )
    return Trace(HUB, incoming, incoming.sampled) if incoming is not None else None


def _sampling_context(head: Head) -> dict[str, Any]:
    return {
        "request": {"method": head.method, "path": head.path, "route": head.route, "headers": head.header_map()},
        head.carrier_name: head.carrier,
    }


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, KeyboardInterrupt):
        return True
    named = {(base.__module__.partition(".")[0], base.__name__) for base in type(error).__mro__}
    return not named.isdisjoint({("asyncio", "CancelledError"), ("trio", "Cancelled"), ("greenlet", "GreenletExit")})


def _is_disconnect(error: BaseException) -> bool:
    return isinstance(error, OSError) or any(base.__name__ in _DISCONNECTS for base in type(error).__mro__)


def _code_of(error: BaseException) -> int | None:
    """The status that an exception asks to be answered with. What a client library got from elsewhere is none."""
    if getattr(error, "response", None) is not None or hasattr(error, "url"):
        return None
    for name in ("status_code", "status", "code"):
        code = getattr(error, name, None)
        if type(code) is int and 400 <= code < 600:
            return code
    return None
