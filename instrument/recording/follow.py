"""Results that go on after a call has returned: the call's span goes on with them."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from .drivers import driving, driving_async
from .span import Span
from .status import status_of_error

__all__ = ["PLAIN", "follow", "goes_on"]

PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset})
"""Types of results that are certainly over: the quick question before `goes_on`."""

_CONTEXT_MANAGERS = (contextlib._GeneratorContextManager, contextlib._AsyncGeneratorContextManager)


def goes_on(result: Any) -> bool:
    """Whether the work is not over when the call returns: an awaitable, a generator, a generator's context manager."""
    kind = type(result)
    return (
        kind is GeneratorType or kind is AsyncGeneratorType or hasattr(kind, "__await__") or kind in _CONTEXT_MANAGERS
    )


def follow(span: Span, result: Any) -> Any:
    """`result`, or what stands for it, such that `span` ends when it has been awaited, exhausted or closed."""
    kind = type(result)
    if kind is GeneratorType:
        return driving(lambda args, kwargs: (result, span))()
    if kind is AsyncGeneratorType:
        return driving_async(lambda args, kwargs: (result, span))()
    if kind in _CONTEXT_MANAGERS:
        result.gen = follow(span, result.gen)
        return result
    if kind is CoroutineType:
        return _await(span, result)
    if hasattr(kind, "add_done_callback"):
        result.add_done_callback(lambda future: _finish_with(span, future))
        return result
    return _stand_in(span, result)


async def _await(span: Span, result: Awaitable[Any]) -> Any:
    with span:
        return await result


def _finish_with(span: Span, future: Any) -> None:
    if future.cancelled():
        span.finish("cancelled")
        return
    error = future.exception()
    span.finish(status_of_error(type(error)) if error is not None else None)


def _stand_in(span: Span, result: Any) -> Any:
    """An object that is `result` to everybody, and ends the span when it is awaited."""
    from wrapt import ObjectProxy

    class Awaited(ObjectProxy):  # type: ignore[type-arg]  # generic only for checkers
        def __await__(self) -> Generator[Any, Any, Any]:
            return _await(span, self.__wrapped__).__await__()

    return Awaited(result)
