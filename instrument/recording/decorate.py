"""Decorating a callable of any kind, so that it stays of that kind."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from .._clock import ticks
from .construction import decorate_class
from .current import set_span, unusual
from .drivers import driving, driving_async
from .failure import note
from .follow import PLAIN, follow, goes_on
from .noop import NoopSpan
from .recipe import Recipe
from .span import Span, get_span
from .suspended import release

__all__ = ["decorate", "is_decoratable"]

_MAKERS: tuple[Callable[..., Any], ...] = (contextlib.contextmanager, contextlib.asynccontextmanager)
_MANAGERS: dict[Any, Callable[..., Any]] = {make(iter).__code__: make for make in _MAKERS}
"""What makes a context manager of a generator, by the code of what it makes."""

_WRAPPERS = (staticmethod, classmethod, property, functools.cached_property, functools.partialmethod)
"""What Python and its library put around functions, and what need not be callable itself."""

_MARK = "_self_instrument_decorated"
"""Named so that a proxy of wrapt's keeps it for itself."""


def is_decoratable(target: Any) -> bool:
    """Whether `target` is something that `decorate` takes."""
    return callable(target) or issubclass(type(target), _WRAPPERS)


def decorate(target: Any, recipe_for: Callable[[Callable[..., Any]], Recipe], mark: str) -> Any:
    """`target` with its calls recorded as `recipe_for` says; decorated twice with the same `mark` is decorated once.

    Wrappers that Python or its library puts around functions are taken off, and put back around the decorated function.
    """
    if isinstance(target, (staticmethod, classmethod)):
        return _like(target, type(target)(decorate(target.__func__, recipe_for, mark)))
    if isinstance(target, property):
        getter = decorate(target.fget, recipe_for, mark) if target.fget is not None else None
        return _like(target, type(target)(getter, target.fset, target.fdel, target.__doc__))
    if isinstance(target, functools.cached_property):
        target.func = decorate(target.func, recipe_for, mark)
        return target
    if isinstance(target, functools.partialmethod):
        return functools.partialmethod(decorate(target.func, recipe_for, mark), *target.args, **target.keywords)
    if isinstance(target, functools.partial):
        if isinstance(target.func, type):
            return _marked(_proxy(target, recipe_for(target.func)), target, mark)
        inner = decorate(target.func, recipe_for, mark)
        return _like(target, type(target)(inner, *target.args, **target.keywords))
    if isinstance(target, MethodType):
        return MethodType(decorate(target.__func__, recipe_for, mark), target.__self__)
    manager = _MANAGERS.get(getattr(target, "__code__", None))
    if manager is not None:
        return _like(target, manager(decorate(target.__wrapped__, recipe_for, mark)))
    if mark in _marks(target):
        return target
    if isinstance(target, type):
        decorate_class(target, recipe_for(target))
        return _marked(target, target, mark)
    if not callable(target):
        raise TypeError(f"only callables can be decorated, not {type(target).__name__}")
    return _marked(_wrapped(target, recipe_for(target)), target, mark)


def _marked(decorated: Any, original: Any, mark: str) -> Any:
    setattr(decorated, _MARK, (*_marks(original), mark))
    return decorated


def _marks(target: Any) -> tuple[str, ...]:
    marks = vars(target).get(_MARK) if isinstance(target, type) else getattr(target, _MARK, None)
    return marks if type(marks) is tuple else ()  # an object may have an attribute of any name


def _like(original: Any, copy: Any) -> Any:
    """`copy` with the attributes that were set on `original`."""
    for name, value in getattr(original, "__dict__", {}).items():
        if name not in ("__wrapped__", "__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
            copy.__dict__.setdefault(name, value)
    return copy


def _wrapped(function: Callable[..., Any], recipe: Recipe) -> Any:
    if inspect.isasyncgenfunction(function):
        wrapper: Any = driving_async(lambda args, kwargs: (function(*args, **kwargs), recipe.open(args, kwargs)))
    elif inspect.isgeneratorfunction(function):
        wrapper = driving(lambda args, kwargs: (function(*args, **kwargs), recipe.open(args, kwargs)))
        if getattr(function, "__code__", wrapper.__code__).co_flags & inspect.CO_ITERABLE_COROUTINE:
            wrapper = types.coroutine(wrapper)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine_function(function, recipe)
    elif not isinstance(function, FunctionType):
        return _proxy(function, recipe)
    elif recipe.is_plain:
        wrapper = _plain_function(function, recipe)
    else:
        wrapper = _function(function, recipe)
    return functools.update_wrapper(wrapper, function)


def _coroutine_function(function: Callable[..., Any], recipe: Recipe) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with recipe.open(args, kwargs):
            return await function(*args, **kwargs)

    return wrapper


def _function(function: Callable[..., Any], recipe: Recipe) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return _run(recipe, function, args, kwargs)

    return wrapper


def _plain_function(function: Callable[..., Any], recipe: Recipe) -> Callable[..., Any]:
    """The wrapper that most calls go through: what `_run` does, in line and with nothing that depends on the call.

    Near the recursion limit only C functions can be called, so what must happen when a call fails calls nothing else.
    """
    op = recipe.op
    description: Any = recipe.description

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        parent = get_span()
        if unusual:
            return _run(recipe, function, args, kwargs)
        if parent is None:
            return function(*args, **kwargs)
        segment: Any = parent._segment
        if segment is None:  # that is NO_SEGMENT, which would be looked up first
            return function(*args, **kwargs)
        span = Span()
        span.op = op
        span.description = description
        span.status = span.data = span.tags = span.measurements = span.end_ticks = span._id = None
        span._parent = span._outer = parent
        span._segment = segment
        span.start_ticks = ticks()
        segment.add(span)
        if len(segment.spans) > segment.limit:
            segment.make_room()
        set_span(span)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            if span.end_ticks is None:
                span.end_ticks = ticks()
            if get_span() is span:
                set_span(parent)
            try:
                _after_failure(span, error)
            except RecursionError:
                pass
            raise
        if type(result) not in PLAIN and goes_on(result):
            span.leave()
            return follow(span, result)
        if span.end_ticks is None:
            span.end_ticks = ticks()
        if get_span() is span:
            set_span(parent)
            span._outer = None
        else:
            release(span)
        if segment.closed:
            span._deliver_late()
        return result

    return wrapper


def _after_failure(span: Span, error: BaseException) -> None:
    release(span, unwound=True)
    note(span, type(error), error)
    if span._segment.closed:
        span._deliver_late()


def _run(recipe: Recipe, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    span = recipe.open(args, kwargs)
    span.__enter__()
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        span.__exit__(type(error), error, error.__traceback__)
        raise
    if type(result) not in PLAIN and type(span) is not NoopSpan and goes_on(result):
        span.leave()
        return follow(span, result)
    span.__exit__(None, None, None)
    return result


def _proxy(target: Callable[..., Any], recipe: Recipe) -> Any:
    """For an object that can be called, or a C function with attributes of its own: it keeps all it is."""
    return _proxy_type()(target, lambda wrapped, instance, args, kwargs: _run(recipe, wrapped, args, kwargs))


@functools.cache
def _proxy_type() -> Any:
    from wrapt import FunctionWrapper

    class Decorated(FunctionWrapper):  # type: ignore[type-arg]  # wrapt has no strict types
        def __reduce_ex__(self, protocol: Any) -> Any:
            name = getattr(self.__wrapped__, "__qualname__", None)
            return name if name is not None else self.__wrapped__.__reduce_ex__(protocol)

    return Decorated
