"""The shape that all incoming requests share: a request comes in, is worked on, and its answer ends.

An adapter says how to read a method, a path and headers, and tells when the answer begins and when its body has ended;
everything else is decided here. There are three jobs: a scope of its own for each request, a transaction for each
request, and the capture of what the application lets through. Of several middlewares around one another, each job is
done by the outermost that has it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from .. import _guard
from ..propagation import read_headers
from ..recording import (
    HUB,
    NoopTransaction,
    Span,
    Trace,
    Transaction,
    begin_transaction,
    capture_error,
    get_scope,
    get_span,
    is_suppressed,
    set_span,
    span,
    swap_scope,
)
from ._jobs import ERRORS, ISOLATION, TRANSACTIONS, Jobs
from ._request_data import Head
from ._request_scope import RequestScope, is_twin

__all__ = ["KEY", "UNROUTED", "Incoming", "Layer", "incoming_of"]

KEY = "instrument.request"
"""Where a WSGI environ or an ASGI scope has the request as we know it."""

UNMATCHED = "<unmatched>"
"""In place of the path in the name of a request that no route was found for."""

_IGNORED_STATUS = range(400, 500)
_DISCONNECTS = frozenset({"ClientDisconnect", "ClientDisconnected", "WebSocketDisconnect"})
UNROUTED = frozenset({404, 405})


class Incoming:
    """A request from the moment it comes in until the body of its answer has ended.

    Between `enter` and `leave` its scope and span are current in the context; outside it is as if it were not there.
    """

    __slots__ = (
        "_former",
        "_is_vague",
        "_outer_scope",
        "_outer_span",
        "_scope",
        "_span",
        "bits",
        "code",
        "head",
        "is_gone",
        "layers",
        "lost",
        "owns",
        "prefix",
        "transaction",
        "unrouted",
    )

    head: Head
    transaction: Transaction | None
    """The transaction of the request, also when another middleware has started it, or of the message at work."""
    bits: int
    """The jobs that are done for this request, here or further out."""
    owns: int
    """Those that are done here."""
    code: int | None
    """The status of the answer, once it is known."""
    is_gone: bool
    """Whether the client has gone before the answer ended."""
    lost: Any
    """What told so, where that is known: then no other `OSError` is taken for it."""
    prefix: str
    """The route as far as it is known from the routers that have handed the request on."""
    layers: list[Span]
    """The spans that are open for parts of the framework, the innermost last: they end with the request."""
    unrouted: frozenset[int]
    """The answers that tell that no route was found, if none was told of."""
    _former: Incoming | None
    _is_vague: bool
    _outer_scope: Any
    _outer_span: Span | None
    _scope: RequestScope | None
    _span: Span | None

    @classmethod
    def begin(cls, head: Head, jobs: Jobs) -> Incoming | None:
        """Take a request on and enter it. `None` where nothing is left to be done or nothing is recorded."""
        if not HUB.is_recording or is_suppressed():
            return None
        return _guard.paired("incoming request", None, cls._begin, head, jobs)

    @classmethod
    def _begin(cls, head: Head, jobs: Jobs) -> Incoming | None:
        former: Incoming | None = head.carrier.get(KEY)
        origin = former
        if former is None and (get_span() is not None or "asgi.scope" in head.carrier):
            origin = _handed_on(head)
        todo = jobs.bits if origin is None else jobs.bits & ~origin.bits
        if not todo and origin is former:
            return None
        request = cls()
        request.head = head
        request.code = None
        request.is_gone = request._is_vague = False
        request.prefix = ""
        request.layers = []
        request.transaction = request._scope = request.lost = None
        request.unrouted = UNROUTED
        request.bits = request.owns = todo
        request._former = former
        if origin is not None:
            request.bits |= origin.bits
            # What comes over a bridge tells its whole route, as WSGI has what a mount took off.
            request.prefix = origin.prefix if origin is former else ""
            request._is_vague = origin._is_vague
            request.transaction, request._scope = origin.transaction, origin._scope
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
        if jobs.accepts is not None and not jobs.takes(head):
            # Another middleware, further in, may want it.
            self.bits &= ~TRANSACTIONS
            self.owns &= ~TRANSACTIONS
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
        if self._former is not None:
            self._former.work_in(begun)
        return begun.trace

    def _enter_first(self) -> None:
        self._outer_span = get_span()
        if self.owns & ISOLATION:
            self._outer_scope = swap_scope(self._scope)
            if self._outer_span is not None:
                set_span(None)
        if self.owns & TRANSACTIONS and self.transaction is not None:
            self.transaction.__enter__()

    def enter(self) -> None:
        """Be current in this context, as it was when the request was left."""
        if self.owns & ISOLATION:
            self._outer_scope = swap_scope(self._scope)
        if self.owns & (ISOLATION | TRANSACTIONS):
            self._outer_span = get_span()
            set_span(self._span)

    def leave(self) -> None:
        """Put back what was current in this context."""
        if self.owns & (ISOLATION | TRANSACTIONS):
            self._span = get_span()
            set_span(self._outer_span)
            self._outer_span = None
        if self.owns & ISOLATION:
            swap_scope(self._outer_scope, only_if=self._scope)
            self._outer_scope = None

    def name(self, route: str, *, is_whole: bool = True) -> None:
        """The route that was found, in the framework's own spelling: the name of the transaction from now on.

        Unless it `is_whole`, what the request is handed on to may say more of it.
        """
        route = f"{self.prefix}{route}"
        named = f"{self.head.method} {route}"
        if self._scope is not None and (self._scope.named is None or self._is_vague):
            self._scope.named = named, "route"
        transaction = self.transaction
        if transaction is not None and (
            transaction.source == "url" or (self._is_vague and transaction.source == "route")
        ):
            transaction.set_name(named, "route")
            if transaction.data is not None:
                transaction.data["http.route"] = route
        self._is_vague = not is_whole

    def unmatched(self) -> None:
        """No route was found, whatever the answer will be: the path is not the transaction's name."""
        transaction = self.transaction
        if transaction is not None and transaction.source == "url":
            transaction.set_name(f"{self.head.method} {UNMATCHED}")

    def work_in(self, transaction: Transaction | None) -> None:
        """What happens from now on belongs to `transaction`, also for the middlewares further out."""
        request: Incoming | None = self
        while request is not None:
            request.transaction = transaction
            request = request._former

    def failed(self, error: BaseException, mechanism: str | None = None, *, code: int | None = None) -> None:
        """The application let `error` through, or the framework is about to answer it: with `code`, else with a 500."""
        _guard.guarded("failed request", None, self._failed, error, mechanism, code, self.bits)

    def let_through(self, error: BaseException, code: int | None = None) -> None:
        """The same where a middleware further out may still answer it. It is captured by the one that has this job."""
        _guard.guarded("failed request", None, self._failed, error, None, code, self.owns)

    def _failed(self, error: BaseException, mechanism: str | None, code: int | None, bits: int) -> None:
        if isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and error.code in (None, 0)):
            return
        if self.is_cancelled_by(error):
            self.is_gone = True
            return
        if self.code is None:
            self.code = code or 500
        if self.owns & TRANSACTIONS and self.transaction is not None and self.code < 400:
            self.transaction.set_status("internal_error")
        if bits & ERRORS and code not in _IGNORED_STATUS:
            self.capture(error, mechanism or self.head.origin.rpartition(".")[2])

    def lose(self, what: Any) -> None:
        """The client has gone: `what`, an error or a message of the server's, tells so."""
        self.is_gone = True
        self.lost = what

    def is_answering(self) -> bool:
        """Whether the answer has begun and not yet ended."""
        return self.code is not None and self.transaction is not None and self.transaction.end_ticks is None

    def is_cancelled_by(self, error: BaseException) -> bool:
        """Whether `error` says no more than that the client has gone, or that nobody waits any more."""
        if _is_cancellation(error):
            return True
        is_lost = isinstance(error, OSError) and (self.lost is None or self.lost is error)
        return self.is_gone and (is_lost or any(base.__name__ in _DISCONNECTS for base in type(error).__mro__))

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
        if transaction is not None and transaction.end_ticks is None and self.owns & TRANSACTIONS:
            _guard.guarded("finished request", None, self._finish, transaction)

    def _finish(self, transaction: Transaction) -> None:
        self._settle(transaction)
        scope = self._scope
        if scope is not None:
            scope.named = transaction.name, transaction.source
        current = get_span()
        is_outside = scope is not None and get_scope() is not scope
        outer = swap_scope(scope) if is_outside else None
        try:
            while self.layers:
                self.layers.pop().finish()
            transaction.finish()
        finally:
            if is_outside:
                swap_scope(outer)
            set_span(current)

    def let_go(self) -> None:
        """Nothing more will happen to it: the environ or ASGI scope forgets it, so that nothing goes in a circle."""
        self.lost = None
        if self._former is None:
            self.head.carrier.pop(KEY, None)
        elif self.head.carrier.get(KEY) is self:
            self.head.carrier[KEY] = self._former

    def abandon(self) -> None:
        """Nobody will ask for the rest of the answer. May be called by a finalizer, so nothing is made current."""
        self.let_go()
        transaction = self.transaction
        if transaction is not None and transaction.end_ticks is None and self.owns & TRANSACTIONS:
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
            if code in self.unrouted:
                self.unmatched()
        if self.is_gone:
            transaction.set_status("cancelled")


class Layer:
    """A span for a part of the framework. An error that passes belongs to what raised it, and is not noted here.

    `code_of` tells with which status the framework answers an error that passes; `None`: it does not.
    """

    __slots__ = ("_code_of", "_incoming", "span")

    def __init__(
        self,
        incoming: Incoming,
        op: str,
        description: str | None,
        code_of: Callable[[BaseException], int | None] | None = None,
    ) -> None:
        self._incoming = incoming
        self._code_of = code_of
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
        self.span.finish(self._status(error) if error is not None else None)
        self.span.leave()

    def _status(self, error: BaseException) -> str | None:
        code = _guard.foreign("status of an error", None, self._code_of, error) if self._code_of is not None else None
        if code is not None:
            self.span.set_http_status(code)
            return None
        return "cancelled" if self._incoming.is_cancelled_by(error) else "internal_error"


def incoming_of(carrier: Any) -> Incoming | None:
    """The request that a WSGI environ or an ASGI scope belongs to, if a middleware of ours has seen it."""
    found = carrier.get(KEY)
    return found if isinstance(found, Incoming) else None


def _handed_on(head: Head) -> Incoming | None:
    """The request that a bridge from ASGI to WSGI, which works in the context of the first, has handed on as this."""
    scope = get_scope()
    former = incoming_of(scope.head.carrier) if isinstance(scope, RequestScope) else None
    if former is None or former.head.carrier_name == head.carrier_name:
        return None
    given = head.carrier.get("asgi.scope")
    if incoming_of(given) is not former if given is not None else not is_twin(former.head, head):
        return None
    head.user_of = former.head.user_of
    scope.head = head
    return former


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
