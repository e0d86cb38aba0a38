"""The status of a span, from an HTTP code or from the exception it ended with."""

from __future__ import annotations

from typing import Any

from .values import plain

__all__ = ["http_code", "is_control_flow", "status_of_error", "status_of_http"]

_STATUS_OF_HTTP = {
    401: "unauthenticated",
    403: "permission_denied",
    404: "not_found",
    409: "already_exists",
    413: "failed_precondition",
    429: "resource_exhausted",
    499: "cancelled",
    501: "unimplemented",
    503: "unavailable",
    504: "deadline_exceeded",
}

# Read from their slots, so that neither a metaclass nor an object of the program's gets a word in.
_lineage_of, _module_of, _name_of = (vars(type)[name].__get__ for name in ("__mro__", "__module__", "__name__"))
_code_of = vars(SystemExit)["code"].__get__

# Known by name, so that nothing is imported to tell a cancelled task from a failed one.
_CANCELLATIONS = frozenset(
    {
        ("asyncio.exceptions", "CancelledError"),
        ("concurrent.futures._base", "CancelledError"),
        ("trio", "Cancelled"),
        ("trio._core._exceptions", "Cancelled"),
        ("greenlet", "GreenletExit"),
    }
)


def http_code(given: Any) -> Any:
    """The number that a program means by an HTTP code: 404, `HTTPStatus.NOT_FOUND` or "404"; else it as plain data."""
    shown = plain(given)
    return int(shown) if type(shown) is str and len(shown) == 3 and shown.isdecimal() else shown


def status_of_http(code: Any) -> str:
    """The status that an HTTP code stands for, as the Sentry protocol maps them."""
    if type(code) is not int:
        return "unknown_error"
    if code < 400:
        return "ok"
    if code >= 600:
        return "unknown_error"
    return _STATUS_OF_HTTP.get(code, "invalid_argument" if code < 500 else "internal_error")


def status_of_error(kind: type[BaseException]) -> str:
    """The status for an exception: "cancelled" when a task, or the user with Ctrl-C, gave up; else "internal_error"."""
    if issubclass(kind, KeyboardInterrupt):
        return "cancelled"
    cancelled = any(_called(base) in _CANCELLATIONS for base in _lineage_of(kind))
    return "cancelled" if cancelled else "internal_error"


def is_control_flow(error: BaseException) -> bool:
    """Whether an exception only says where to go on: the end of an iteration, of a generator, of the program."""
    kind = type(error)
    if issubclass(kind, (StopIteration, StopAsyncIteration, GeneratorExit)):
        return True
    if not issubclass(kind, SystemExit):
        return False
    code = _code_of(error)
    return code is None or (type(code) is int and code == 0)


def _called(kind: type) -> tuple[str, str]:
    module, name = _module_of(kind), _name_of(kind)
    return (module, name) if type(module) is str and type(name) is str else ("", "")
