"""Results that go on after a call has returned: the call's span goes on with them."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Awaitable, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from .drivers import driving, driving_async
from .span import Span
from .status import status_of_error

__all__ = ["PLAIN", "follow", "goes_on"]

PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset})
"""Types of results that are certainly over: the quick question before `goes_on`."""

_CLOSABLE = (GeneratorType, AsyncGeneratorType, CoroutineType)


def _count(_: Any, result: Any) -> int:
    return sys.getrefcount(result)


def _count_ours() -> int:
    result = object()
    return _count(None, result)


_OURS = _count_ours()
"""How many references `follow` finds to a result that only its caller has in a variable."""


def goes_on(result: Any) -> bool:
    """Whether the work is not over when the call returns: an awaitable, a generator."""
    kind = type(result)
    return kind is GeneratorType or kind is AsyncGeneratorType or hasattr(kind, "__await__")


def follow(span: Span, result: Any) -> Any:
    """`result`, or what stands for it, such that `span` ends when it has been awaited, exhausted or closed.

    What the program keeps elsewhere as well goes on without us, and the span ends now: whoever closes what stands for
    a generator, if only by letting go of it, closes that too.
    """
    kind = type(result)
    if kind in _CLOSABLE and sys.getrefcount(result) > _OURS:
        span._close(None, None)
        return result
    if kind is GeneratorType:
        return _named(span, result, driving(lambda args, kwargs: (result, span))())
    if kind is AsyncGeneratorType:
        return _named(span, result, driving_async(lambda args, kwargs: (result, span))())
    if kind is CoroutineType:
        return _named(span, result, _await(span, result))
    if hasattr(kind, "add_done_callback"):
        result.add_done_callback(lambda future: _finish_with(span, future))
        return result
    return _stand_in(span, result)


def _named(span: Span, result: Any, stand_in: Any) -> Any:
    """`stand_in` with the name of `result`. Should it never be begun, it takes both with it when it goes."""
    stand_in.__name__, stand_in.__qualname__ = result.__name__, result.__qualname__
    weakref.finalize(stand_in, _abandon, span, result).atexit = False
    return stand_in


def _abandon(span: Span, result: Any) -> None:
    if span.end_ticks is None:
        if type(result) is CoroutineType:
            result.close()
        span.set_data("abandoned", True)
        span._close(None, None)


async def _await(span: Span, result: Awaitable[Any]) -> Any:
    with span:
        return await result


def _finish_with(span: Span, future: Any) -> None:
    if future.cancelled():
        span.finish("cancelled")
        return
    # Asking by `exception()` would count as having seen it, and silence what asyncio says of errors nobody looked at.
    error = getattr(future, "_exception", None)
    span.finish(status_of_error(type(error)) if error is not None else None)


def _stand_in(span: Span, result: Any) -> Any:
    """An object that is `result` to everybody, and ends the span when it is awaited."""
    from wrapt import ObjectProxy

    class Awaited(ObjectProxy):  # type: ignore[type-arg]  # wrapt has no strict types
        def __await__(self) -> Generator[Any, Any, Any]:
            return _await(span, self.__wrapped__).__await__()

        async def __aenter__(self) -> Any:
            span.__enter__()
            return await self.__wrapped__.__aenter__()

        async def __aexit__(self, *raised: Any) -> Any:
            try:
                return await self.__wrapped__.__aexit__(*raised)
            finally:
                span.__exit__(*raised)

    return Awaited(result)
