"""The shape that everything shares that hands work to another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _guard
from .._value import fields
from ..api import trace_headers
from ..options import Options
from ..propagation import TraceContext, read_headers
from ..recording import HUB, continue_here, get_scope, get_span, here
from ._begun import is_by_environment, names_traced
from ._context import leave
from .by_name import trace_by_name
from .register import starter

__all__ = ["RemoteCall", "Start", "outgoing"]


def outgoing() -> dict[str, str] | None:
    """The headers that continue the current span's trace in another process; `None` where no span is current."""
    return trace_headers() if here() is not None else None


class RemoteCall:
    """A function that another process calls as a part of this trace. It can be pickled if that can."""

    def __init__(self, function: Callable[..., Any], headers: dict[str, str]) -> None:
        self._function = function
        self._headers = headers

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        former = get_span(), get_scope()
        _guard.guarded("work from another process", None, _go_on, self._headers)
        try:
            return self._function(*args, **kwargs)
        finally:
            leave(former)

    def __repr__(self) -> str:
        return repr(self._function)


def _go_on(headers: dict[str, str]) -> None:
    continue_here(_incoming(headers))


def _incoming(headers: dict[str, str]) -> TraceContext | None:
    options = HUB.options
    return read_headers(headers, formats=options.propagate, org_id=options.org_id)


class Start:
    """What a child process is started with: its trace, and how to configure it if nothing else does.

    A forked child finds both in place. A fresh interpreter gets this by pickle, and calls `init` as its parent did.
    """

    def __init__(self, headers: dict[str, str] | None) -> None:
        self._headers = headers
        self._has_begun = False

    def begin(self) -> None:
        """In the child, before its work: go on with the trace."""
        if not self._has_begun:
            self._has_begun = True
            continue_here(_incoming(self._headers) if self._headers else None)

    def end(self) -> None:
        """In the child, after its work: deliver, as such a process ends without asking us again."""
        HUB.retire()
        HUB.client.close(HUB.options.shutdown_timeout)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self._headers, _guard.guarded("options for a child process", None, _settings))


def _settings() -> bytes | None:
    """`init` and what it was told, pickled. `None` when it cannot be: half of the options would be another program.

    All of them are told: one that code gave as the default would else be the environment's again.
    """
    if not HUB.is_recording:
        return None
    import pickle

    given = {}
    for name, field in fields(Options).items():
        value = getattr(HUB.options, name)
        if value is None and not field.none:
            continue
        given[name] = value
        try:
            pickle.dumps(value)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            _guard.say("child process", f"a child process is not configured: {name} cannot be sent: {error}")
            return None
    return pickle.dumps((starter(), given, is_by_environment(), names_traced()))


def _arrive(headers: dict[str, str] | None, settings: bytes | None) -> Start:
    start = Start(headers)
    if settings is not None:
        _guard.guarded("start of a child process", None, _configure, settings)
    _guard.guarded("start of a child process", None, start.begin)
    return start


def _configure(settings: bytes) -> None:
    """Do as the parent did: its `init` beats the environment, and the child's own, in its main module, beats both."""
    import pickle

    init, given, is_parent_by_environment, names = pickle.loads(settings)
    if not HUB.is_recording or (is_by_environment() and not is_parent_by_environment):
        init(**given)
    trace_by_name(names)
