"""`traced` and `transaction`: the decorators, and the block that holds a transaction."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar, overload

from .decorate import decorate, is_decoratable
from .noop import SuppressedTransaction
from .opening import begin_transaction, span
from .recipe import SpanRecipe, TransactionRecipe
from .span import Transaction
from .suspended import beyond, is_open_here

__all__ = ["TransactionBlock", "span", "traced", "transaction"]

F = TypeVar("F")


@overload
def traced(
    op: str | None = None,
    *,
    description: str | Callable[..., str] | None = None,
    data: Mapping[str, Any] | None = None,
    capture: Sequence[str] = (),
) -> Callable[[F], F]: ...
@overload
def traced(function: F, /) -> F: ...
def traced(
    op: Any = None,
    *,
    description: str | Callable[..., str] | None = None,
    data: Mapping[str, Any] | None = None,
    capture: Sequence[str] = (),
) -> Any:
    """Record every call of a function as a child of the current span.

    It keeps the kind: plain, async, generator, async generator, class (making an instance is recorded), method of any
    sort, partial; signature, name and type stay. Where no transaction runs a call costs next to nothing.

        >>> @traced(op="task", capture=("item_id",))
        ... def process_item(item_id, image):
        ...     return len(image)
        >>> process_item(7, b"...")
        3

    `op` is "function" unless given, `description` the qualified name; it may be a function of the call's arguments.
    `data` is attached to each span; `capture` names arguments to record as data `arg.<name>`.
    """

    def recipe_for(function: Callable[..., Any]) -> SpanRecipe:
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
        return SpanRecipe(
            function,
            op if isinstance(op, str) else "function",
            description if description is not None else name,
            dict(data) if data is not None else None,
            tuple([capture] if isinstance(capture, str) else capture),
        )

    if op is not None and not isinstance(op, str):
        return decorate(op, recipe_for, "traced")
    return lambda function: decorate(function, recipe_for, "traced")


def _is_elsewhere(begun: Transaction) -> bool:
    is_open = begun.end_ticks is None and not isinstance(begun, SuppressedTransaction)
    return is_open and not is_open_here(begun)


class TransactionBlock:
    """What `transaction(...)` returns: a `with` or `async with` block, or a decorator.

    It may be used any number of times, in itself and in several threads and tasks at once; each is a transaction.
    """

    __slots__ = ("_begun", "_name", "_op", "_settings")

    def __init__(self, op: str | None, name: str | None, settings: dict[str, Any]) -> None:
        self._op = op
        self._name = name
        self._settings = settings
        self._begun: dict[int, tuple[int, Transaction]] = {}
        """Each with the frame that its block is in."""

    def __enter__(self) -> Transaction:
        frame = sys._getframe(1)
        begun = begin_transaction(self._op, self._name, frame=frame, **self._settings)
        self._begun[id(begun)] = id(beyond(frame)), begun
        return begun.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        transaction = self._left(id(beyond(sys._getframe(1))))
        if transaction is not None:
            transaction.__exit__(kind, error, trace)

    async def __aenter__(self) -> Transaction:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _left(self, place: int) -> Transaction | None:
        """The transaction whose block ends: the last begun in that frame, else the innermost open here, else of all.

        Frames that are gone lend their place to others, so what is still open in another thread is none of ours.
        """
        each = list(reversed(self._begun.copy().values()))
        found = next((begun for begun_in, begun in each if begun_in == place and not _is_elsewhere(begun)), None)
        if found is None:
            found = next((begun for _, begun in each if is_open_here(begun)), each[0][1] if each else None)
        self._begun.pop(id(found), None)
        return found

    def __call__(self, function: F) -> F:
        def recipe_for(target: Callable[..., Any]) -> TransactionRecipe:
            name = self._name or getattr(target, "__qualname__", None) or type(target).__qualname__
            return TransactionRecipe(self._op, name, self._settings)

        decorated: F = decorate(function, recipe_for, "transaction")
        return decorated


@overload
def transaction(
    op: str | None = None,
    name: str | None = None,
    *,
    source: str = "custom",
    headers: Any = None,
    sampled: bool | None = None,
    data: Mapping[str, Any] | None = None,
    sampling_context: Mapping[str, Any] | None = None,
) -> TransactionBlock: ...
@overload
def transaction(function: F, /) -> F: ...
def transaction(
    op: Any = None,
    name: str | None = None,
    *,
    source: str = "custom",
    headers: Any = None,
    sampled: bool | None = None,
    data: Mapping[str, Any] | None = None,
    sampling_context: Mapping[str, Any] | None = None,
) -> Any:
    """Record a unit of work as a whole: a job, a message, a request.

    As a `with` or `async with` block it holds the transaction on the current scope while it runs; as a decorator every
    call is a transaction, named after the function.

        >>> with transaction(op="job", name="nightly") as tx:
        ...     tx.set_tag("region", "north")

    With `headers` (any mapping, a WSGI environ or an ASGI list) it continues the trace they carry; without, it begins a
    trace of its own, also inside another transaction, which is current again afterwards. `sampled` overrides the
    sampler and the rates. `sampling_context` is added to what a `traces_sampler` is given.
    """
    settings = {
        "source": source,
        "headers": headers,
        "sampled": sampled,
        "data": data,
        "sampling_context": sampling_context,
    }
    if is_decoratable(op):
        return TransactionBlock(None, None, settings)(op)
    return TransactionBlock(op, name, settings)
