"""Drivers: they run the body of a generator with its span current, and the consumer with its own.

At each turn what was current in the body is swapped in, and out again before the consumer goes on; the time between is
counted. Nothing is swapped where nothing is recorded, and under contextlib, where the user's block counts as inside.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Any, TypeVar

from .._clock import exact_seconds
from .current import set_span, unusual
from .noop import NoopSpan
from .span import Span, get_span
from .suspended import current_span, hold, holder, is_collecting, turning

__all__ = ["driving", "driving_async"]

G = TypeVar("G")
Begin = Callable[["tuple[Any, ...]", "dict[str, Any]"], "tuple[G, Span]"]


def driving(begin: Begin[Generator[Any, Any, Any]]) -> Callable[..., Generator[Any, Any, Any]]:
    """A generator function that advances what `begin` makes of a call's arguments, under the span that goes with it."""

    # A frame that is kept in one of its own variables would wait for the cycle collector.
    def driver(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator, span = begin(args, kwargs)
        if not _takes_turns(span, sys._getframe()):
            with hold(span, sys._getframe()):
                return (yield from generator)
        # In local names, because the loop is paid for each item.
        get, put, now, send = get_span, set_span, exact_seconds, generator.send
        key, inner = _start(span, sys._getframe())
        outer, swaps = get(), False
        active = 0.0
        step: Any = send
        value: Any = None
        try:
            while True:
                outer = get()
                swaps = not unusual or not is_collecting()
                if swaps:
                    put(inner)
                item = None
                active -= now()
                try:
                    item = step(value)
                except BaseException as error:
                    active += now()
                    if swaps:
                        put(outer)
                        swaps = False
                    if isinstance(error, StopIteration):
                        value = error.value
                        break
                    raise
                active += now()
                if swaps:
                    inner = get()
                    put(outer)
                    swaps = False
                step = send
                try:
                    value = yield item
                except BaseException as thrown:
                    step, value = generator.throw, thrown
        except BaseException as error:
            value = None
            if swaps:
                put(outer)
            _stop(span, key, active, error)
            raise
        _stop(span, key, active, None)
        return value

    return driver


def driving_async(begin: Begin[AsyncGenerator[Any, Any]]) -> Callable[..., AsyncGenerator[Any, Any]]:
    """The same for an asynchronous generator."""

    async def driver(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator, span = begin(args, kwargs)
        turns = _takes_turns(span, sys._getframe())
        block: AbstractContextManager[Any] = nullcontext() if turns else hold(span, sys._getframe())
        with block:
            get, put, now, send = get_span, set_span, exact_seconds, generator.asend
            key, inner = _start(span, sys._getframe()) if turns else (0, None)
            outer, swaps = get(), False
            active = 0.0
            step: Any = _unseen(generator)
            value: Any = None
            try:
                while True:
                    outer = get()
                    swaps = turns and (not unusual or not is_collecting())
                    if swaps:
                        put(inner)
                    item = None
                    active -= now()
                    try:
                        item = await step(value)
                    except BaseException as error:
                        active += now()
                        if swaps:
                            put(outer)
                            swaps = False
                        if isinstance(error, StopAsyncIteration):
                            break
                        raise
                    active += now()
                    if swaps:
                        inner = get()
                        put(outer)
                        swaps = False
                    step = send
                    try:
                        value = yield item
                    except BaseException as thrown:
                        step, value = generator.athrow, thrown
            except BaseException as error:
                value = None
                if turns:
                    if swaps:
                        put(outer)
                    _stop(span, key, active, error)
                raise
            if turns:
                _stop(span, key, active, None)

    return driver


def _takes_turns(span: Span, frame: FrameType) -> bool:
    return type(span) is not NoopSpan and holder(frame) is frame


def _start(span: Span, frame: FrameType) -> tuple[int, Span | None]:
    """`span` belongs to the driver that runs in `frame`, and is current in the body. The key is for `_stop`."""
    span._outer = None
    if unusual:
        span._within = current_span(frame)
    turning[id(frame)] = span
    return id(frame), span


def _stop(span: Span, key: int, active: float, error: BaseException | None) -> None:
    """The driver is done: finish `span`. The body ran for `active` seconds."""
    turning.pop(key, None)
    span._within = None
    span.set_data("active_seconds", active)
    span._close(type(error) if error is not None else None, error)


def _unseen(generator: AsyncGenerator[Any, Any]) -> Callable[[Any], Any]:
    """The first step of `generator`, which hides it from the event loop: the loop is to close the driver, not both."""

    def step(value: Any) -> Any:
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(None, None)
        try:
            return generator.asend(value)
        finally:
            sys.set_asyncgen_hooks(*hooks)

    return step
