"""For Celery: `trace(app)`, in the programs that send tasks as in the workers that run them."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

from celery import Celery, signals
from celery.exceptions import TaskPredicate

from .. import _guard, api
from .._clock import wall
from ..propagation import merge_baggage
from ..recording import (
    HUB,
    NoopTransaction,
    Scope,
    ScopeBlock,
    SuppressBlock,
    Transaction,
    begin_transaction,
    capture_error,
    get_scope,
    here,
    is_suppressed,
    span,
    stand_for,
)

__all__ = ["trace"]

ORIGIN = "auto.queue.celery"
_RUN = "_instrument_run"
_HEADERS = ("sentry-trace", "baggage", "traceparent", "tracestate")
_SENT = "sentry-task-enqueued-time"
"""The header with the seconds since 1970 at which a message was sent, as Sentry's own SDK names and writes it."""
_STATUS = {"SUCCESS": "ok", "FAILURE": "internal_error", "RETRY": "aborted", "REJECTED": "aborted", "IGNORED": "ok"}
_TOO_LONG = "Hard time limit (%ss) exceeded for %s[%s]"
_EXITED = "Process %r pid:%r exited with %r"
"""What is logged of a task's time limit, and of the process that was stopped for it."""
_traced: WeakSet[Any] = WeakSet()


def trace(app: Celery) -> Celery:
    """Record every task that `app` runs, and every sending of a task.

        app = trace(Celery("shop", broker=...))

    A task is a transaction in a scope of its own, which continues the trace of whoever sent it. An attempt that asks
    for a retry ends "aborted", and the next one goes on in the same trace. An exception that makes a task fail is
    captured, unless the task says that it `throws` it. Sending is a span `queue.publish`. Returns the app.
    """
    if app in _traced:
        return app
    _traced.add(app)
    vars(app)["send_task"] = _publishing(app, app.send_task)
    for signal, receiver in (
        (signals.task_prerun, _before),
        (signals.task_failure, _failed),
        (signals.task_postrun, _after),
        (signals.worker_init, _work_begins),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=f"instrument.{receiver.__name__}")
    return app


def _publishing(app: Celery, send_task: Callable[..., Any]) -> Callable[..., Any]:
    """`send_task` as a span whose trace the message takes along."""

    def send(name: Any, *args: Any, **options: Any) -> Any:
        if not HUB.is_recording or is_suppressed():
            return send_task(name, *args, **options)
        with span("queue.publish", str(name)) as current:
            current.update_data({"sentry.origin": ORIGIN, "messaging.system": _system(app, "broker_write_url")})
            if options.get("retries"):
                current.set_data("messaging.message.retry.count", options["retries"])
            given = options.get("headers") or {}
            options["headers"] = {**given, **_outgoing(given), _SENT: f"{wall() / 1e9:.6f}"}
            result = send_task(name, *args, **options)
            current.set_data("messaging.message.id", str(getattr(result, "id", "")))
            return result

    return send


def _outgoing(given: Mapping[str, Any]) -> dict[str, str]:
    """The headers for a message that has some already. Outside of any unit of work each task begins its own trace."""
    if here() is None and get_scope() is None and HUB.scope.trace.incoming is None:
        return {}
    ours = api.trace_headers()
    written = given.get("baggage")
    if ours and isinstance(written, str):
        ours["baggage"] = merge_baggage(written, ours.get("baggage"))
    return ours


class _Run:
    """One attempt at a task."""

    def __init__(self, task: Any, task_id: str, args: Any, kwargs: Any) -> None:
        request = task.request
        eager = bool(getattr(request, "is_eager", False))
        job = {"task": task.name, "args": args, "kwargs": kwargs}
        headers = _outgoing({}) if eager else _incoming(request)
        self.transaction: Transaction = begin_transaction(
            "queue.process", task.name, source="task", headers=headers, sampling_context={"celery_job": job}
        )
        if not isinstance(self.transaction, NoopTransaction):
            delivery = getattr(request, "delivery_info", None) or {}
            self.transaction.data = {
                "sentry.origin": ORIGIN,
                "messaging.system": "eager" if eager else _system(task.app, "broker_read_url"),
                "messaging.destination.name": str(delivery.get("routing_key") or ""),
                "messaging.message.id": str(task_id),
                "messaging.message.retry.count": int(getattr(request, "retries", 0) or 0),
            }
            latency = None if eager else _latency(_header(request, _SENT))
            if latency is not None:
                self.transaction.data["messaging.message.receive.latency"] = latency
        self._block = ScopeBlock(Scope(HUB, self.transaction.trace), isolated=True)
        self._block.__enter__()
        self.transaction.__enter__()

    def end(self, state: str | None) -> None:
        """The attempt is over; without a state, because an exception is on its way to the caller."""
        error = sys.exc_info()[1] if state is None else None
        if error is not None:
            # The end of a process is told where it is noticed.
            if isinstance(error, Exception):
                capture_error(error, mechanism="celery", handled=False)
            state = "FAILURE"
        self.transaction.set_status(_STATUS.get(state or "", "unknown_error"))
        self.transaction.__exit__(None, None, None)
        self._block.__exit__(None, None, None)


def _before(sender: Any = None, task_id: str = "", args: Any = (), kwargs: Any = None, **_: Any) -> None:
    if sender is not None and sender.app in _traced and HUB.is_recording and not is_suppressed():
        run = _guard.guarded("task", None, _Run, sender, task_id, args, kwargs)
        setattr(sender.request, _RUN, run)


def _failed(
    sender: Any = None, task_id: str = "", exception: BaseException | None = None, einfo: Any = None, **_: Any
) -> None:
    if sender is None or sender.app not in _traced or exception is None:
        return
    runs_here = getattr(sender.request, _RUN, None) is not None
    # Of what cannot be pickled Celery tells a stand-in.
    raised = sys.exc_info()[1] if runs_here else None
    error = exception if raised is None else raised
    if isinstance(error, (TaskPredicate, getattr(sender, "throws", None) or ())):
        return
    if runs_here:
        capture_error(error, mechanism="celery", handled=False)
        if error is not exception:
            # What was captured is not captured again as what Celery logs in its place.
            _guard.guarded("task", None, stand_for, error, exception)
    elif sender.request.id == task_id and HUB.is_recording:
        _guard.guarded("lost task", None, _lost, sender, error, einfo)


def _lost(task: Any, error: BaseException, einfo: Any) -> None:
    """A task ran in a process that was lost or stopped, and cannot tell of it. It is not told here that it ran."""
    place = begin_transaction("queue.process", task.name, source="task", headers=_incoming(task.request), sampled=False)
    with ScopeBlock(Scope(HUB, place.trace), isolated=True), place:
        capture_error(error, mechanism="celery", handled=False)
    if hasattr(einfo, "exception"):
        # It is logged from there: now it is seen to be the same.
        einfo.exception = error


def _work_begins(**_: Any) -> None:
    """This process is a worker: what it logs of tasks that took too long is captured as what it is, and not as text.

    So it is with any process of its pool that is stopped by SIGTERM: a task that ran there is captured as lost.
    """
    for module in map(import_module, ("celery.worker.request", "billiard.pool")):
        if not hasattr(module.error, _RUN):
            vars(module)["error"] = _quiet(module.error)


def _quiet(log: Callable[..., Any]) -> Callable[..., Any]:
    is_loggers = isinstance(getattr(log, "__self__", None), logging.Logger)

    @wraps(log)
    def error(message: Any, *args: Any, **kwargs: Any) -> Any:
        if is_loggers:
            # The line that logs stays the one that is told.
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        if (message == _TOO_LONG) or (message == _EXITED and "signal 15" in str(args[-1:])):
            with SuppressBlock():
                return log(message, *args, **kwargs)
        return log(message, *args, **kwargs)

    setattr(error, _RUN, True)
    return error


def _after(sender: Any = None, state: str | None = None, **_: Any) -> None:
    run = getattr(sender.request, _RUN, None) if sender is not None else None
    if run is not None:
        setattr(sender.request, _RUN, None)
        _guard.guarded("task", None, run.end, state)


def _incoming(request: Any) -> Mapping[str, Any]:
    """The headers of the message a task came with."""
    return {name: _header(request, name) for name in _HEADERS}


def _header(request: Any, name: str) -> Any:
    given = vars(request)
    return given.get(name) or (given.get("headers") or {}).get(name) or ""


def _latency(sent: Any) -> float | None:
    """Milliseconds since the message was sent; none below zero, where the clocks of two machines differ."""
    try:
        milliseconds = wall() / 1e6 - float(sent) * 1e3
    except (TypeError, ValueError, OverflowError):
        return None
    return max(round(milliseconds, 3), 0.0) if math.isfinite(milliseconds) else None


def _system(app: Celery, url: str) -> str:
    """What carries the messages: "redis", "amqp"."""
    address = getattr(app.conf, url, None) or app.conf.broker_url or "amqp"
    return urlsplit(str(address[0] if isinstance(address, (list, tuple)) else address)).scheme or str(address)
