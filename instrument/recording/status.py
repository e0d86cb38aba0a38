"""The status of a span, from an HTTP code or from the exception it ended with."""

from __future__ import annotations

__all__ = ["is_control_flow", "status_of_error", "status_of_http"]

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


def status_of_http(code: int) -> str:
    """The status that an HTTP code stands for, as the Sentry protocol maps them."""
    if code < 400:
        return "ok"
    if code >= 600:
        return "unknown_error"
    return _STATUS_OF_HTTP.get(code, "invalid_argument" if code < 500 else "internal_error")


def status_of_error(kind: type[BaseException]) -> str:
    """The status for an exception: "cancelled" when a task, or the user with Ctrl-C, gave up; else "internal_error"."""
    if issubclass(kind, KeyboardInterrupt):
        return "cancelled"
    cancelled = any((base.__module__, base.__name__) in _CANCELLATIONS for base in kind.__mro__)
    return "cancelled" if cancelled else "internal_error"


def is_control_flow(error: BaseException) -> bool:
    """Whether an exception only says where to go on: the end of an iteration, of a generator, of the program."""
    if isinstance(error, (StopIteration, StopAsyncIteration, GeneratorExit)):
        return True
    return isinstance(error, SystemExit) and error.code in (None, 0)
