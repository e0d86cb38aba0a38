"""Drivers: they run the body of a generator with its span current, and the consumer with its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Generator
from types import FrameType
from typing import Any, Protocol, TypeVar

from .._clock import ticks
from .current import set_span, unusual
from .held import hold
from .noop import NoopSpan
from .span import Span, get_span
from .suspended import current_span, holder

__all__ = ["driving", "driving_async"]

G = TypeVar("G")
Begin = Callable[["tuple[Any, ...]", "dict[str, Any]"], "tuple[G, Span]"]


class Shift(Protocol):
    """What happens to the current span when a body starts to run, stops, and ends."""

    def enter(self) -> None:
        """The body runs."""

    def leave(self) -> None:
        """The consumer runs."""

    def end(self, error: BaseException | None) -> None:
        """The generator has ended, by `error` or by itself."""


class Turns:
    """The span is current while the body runs, and only then; the time that takes is counted."""

    __slots__ = ("_active", "_began", "_inner", "_outer", "_span")

    def __init__(self, span: Span, frame: FrameType) -> None:
        self._span = span
        self._inner: Span | None = span
        self._active = 0
        span._outer = get_span()
        if unusual:
            span._within = current_span(frame)

    def enter(self) -> None:
        """Swap in what was current in the body."""
        self._outer = get_span()
        set_span(self._inner)
        self._began = ticks()

    def leave(self) -> None:
        """Swap it out."""
        self._active += ticks() - self._began
        self._inner = get_span()
        set_span(self._outer)

    def end(self, error: BaseException | None) -> None:
        """Finish the span."""
        self._span.set_data("active_seconds", self._active / 1e9)
        self._span._close(type(error) if error is not None else None, error)


class Block:
    """The span is current until the generator ends: contextlib drives it, and it stands for the user's block."""

    __slots__ = ("_span",)

    def __init__(self, span: Span, frame: FrameType) -> None:
        self._span = hold(span, frame).__enter__()

    def enter(self) -> None:
        """Nothing changes."""

    def leave(self) -> None:
        """Nothing changes."""

    def end(self, error: BaseException | None) -> None:
        """Finish the span."""
        self._span.__exit__(type(error) if error is not None else None, error, None)


class Idle:
    """Nothing is recorded."""

    __slots__ = ()

    def enter(self) -> None:
        """Nothing changes."""

    def leave(self) -> None:
        """Nothing changes."""

    def end(self, error: BaseException | None) -> None:
        """Nothing to finish."""


def _shift(span: Span, frame: FrameType) -> Shift:
    if type(span) is NoopSpan:
        return Idle()
    return Turns(span, frame) if holder(frame) is frame else Block(span, frame)


def driving(begin: Begin[Generator[Any, Any, Any]]) -> Callable[..., Generator[Any, Any, Any]]:
    """A generator function that advances what `begin` makes of a call's arguments, under the span that goes with it."""

    def driver(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator, span = begin(args, kwargs)
        shift = _shift(span, sys._getframe())
        step: Any = generator.send
        value: Any = None
        error: BaseException | None = None
        try:
            while True:
                shift.enter()
                try:
                    item = step(value)
                except StopIteration as stop:
                    return stop.value
                finally:
                    shift.leave()
                try:
                    value = yield item
                    step = generator.send
                except GeneratorExit:
                    shift.enter()
                    try:
                        generator.close()
                    finally:
                        shift.leave()
                    raise
                except BaseException as thrown:
                    value, step = thrown, generator.throw
        except BaseException as failure:
            error = failure
            raise
        finally:
            shift.end(error)

    return driver


def driving_async(begin: Begin[AsyncGenerator[Any, Any]]) -> Callable[..., AsyncGenerator[Any, Any]]:
    """The same for an asynchronous generator."""

    async def driver(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator, span = begin(args, kwargs)
        shift = _shift(span, sys._getframe())
        step: Any = generator.asend
        value: Any = None
        error: BaseException | None = None
        try:
            while True:
                shift.enter()
                try:
                    item = await step(value)
                except StopAsyncIteration:
                    return
                finally:
                    shift.leave()
                try:
                    value = yield item
                    step = generator.asend
                except GeneratorExit:
                    shift.enter()
                    try:
                        await generator.aclose()
                    finally:
                        shift.leave()
                    raise
                except BaseException as thrown:
                    value, step = thrown, generator.athrow
        except BaseException as failure:
            error = failure
            raise
        finally:
            shift.end(error)

    return driver
