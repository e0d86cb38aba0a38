"""For Django: `"instrument.middleware.django.Tracing"`, first in MIDDLEWARE."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial, wraps
from types import FunctionType, MethodType
from typing import Any

from asgiref.sync import AsyncToSync, SyncToAsync, iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.core.signals import got_request_exception
from django.http import Http404
from django.http.multipartparser import MultiPartParserError
from django.template.backends import django as template_backend
from django.utils.safestring import SafeString, mark_safe

from .. import _guard, api
from ..recording import here, span
from ._http import Incoming, Layer, incoming_of
from ._jobs import METHODS, Jobs
from ._request_data import TOO_LONG, Head, parsed_body, read_form
from .asgi import ScopeHead
from .wsgi import Body, EnvironHead, note_disconnect

__all__ = ["Tracing", "trace_meta"]

ORIGIN = "auto.http.django"
_MARK = "_instrument"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ANSWERED = {Http404: 404, PermissionDenied: 403, SuspiciousOperation: 400, BadRequest: 400, MultiPartParserError: 400}
_DEEPEST = 3
"""How many functions around one another are looked into for what a middleware calls."""


async def _nobody(request: Any) -> None:
    """Given to Django to see what it makes of an asynchronous handler."""


_LINKS = frozenset(convert_exception_to_response(made).__code__ for made in (_nobody, print))
"""The code of what Django puts around each middleware: what a middleware calls is known by it."""


class Tracing:
    """A Django middleware that records every request, named after its route: `GET /users/<int:id>/`.

        MIDDLEWARE = ["instrument.middleware.django.Tracing", ...]

    It works in synchronous and asynchronous handlers. What it does is set by class attributes, for a class of your own
    that derives from it: the three jobs of `wsgi.Tracing`, the methods, and the prefixes of paths that become
    transactions. Middlewares after it, the view and templates become spans.
    """

    sync_capable = async_capable = True

    isolation = transactions = errors = True
    methods: Iterable[str] = METHODS
    routes: Iterable[str] | None = None

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._jobs = Jobs.chosen(self.isolation, self.transactions, self.errors, self.methods, self.routes)
        self._is_async = bool(iscoroutinefunction(get_response))
        self.get_response = _layered(get_response)
        if self._is_async:
            markcoroutinefunction(self)
            # Or Django would call it in a thread.
            vars(self)["process_view"] = _process_view_async
        got_request_exception.connect(_let_through, dispatch_uid=_MARK, weak=False)
        _watch_templates()
        _watch_views()

    def __call__(self, request: Any) -> Any:
        """The response, or, in an asynchronous handler, an awaitable of it."""
        if self._is_async:
            return self._respond(request)
        incoming = Incoming.begin(_head(request), self._jobs)
        if incoming is None:
            return self.get_response(request)
        try:
            return _answered(incoming, request, self.get_response(request))
        except BaseException as error:
            _broken(incoming, error)
            raise
        finally:
            incoming.leave()

    async def _respond(self, request: Any) -> Any:
        incoming = Incoming.begin(_head(request), self._jobs)
        if incoming is None:
            return await self.get_response(request)
        try:
            return _answered(incoming, request, await self.get_response(request))
        except BaseException as error:
            _broken(incoming, error)
            raise
        finally:
            incoming.leave()

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> None:
        """Called by Django when it knows the route."""
        _name(request)


def trace_meta(request: Any) -> dict[str, Callable[[], SafeString]]:
    """A context processor: `{{ trace_meta }}` in the head of a page lets the browser continue the trace."""
    return {"trace_meta": _safe_meta}


def _safe_meta() -> SafeString:
    return mark_safe(api.trace_meta())


def _head(request: Any) -> Head:
    scope = getattr(request, "scope", None)
    head: Head = ScopeHead(scope, ORIGIN) if scope is not None else EnvironHead(request.META, ORIGIN)
    head.body_of = partial(_body, request)
    head.user_of = partial(_user, request)
    return head


def _incoming_of(request: Any) -> Incoming | None:
    scope = getattr(request, "scope", None)
    return incoming_of(scope if scope is not None else request.META)


async def _process_view_async(request: Any, view: Any, args: Any, kwargs: Any) -> None:
    _name(request)


def _name(request: Any) -> None:
    incoming = _incoming_of(request)
    if incoming is not None and request.resolver_match is not None:
        incoming.name("/" + _plain_route(request.resolver_match.route or ""))


def _answered(incoming: Incoming, request: Any, response: Any) -> Any:
    """The response, such that the request ends with its body."""
    incoming.code = response.status_code
    if incoming.code in _REDIRECTS and request.resolver_match is None:
        incoming.unmatched()
    if not getattr(response, "streaming", False):
        incoming.finish()
        incoming.let_go()
    elif getattr(response, "file_to_stream", None) is not None:
        # The server may send the file by itself, so the response stays what it is.
        response._resource_closers.append(Body(incoming, ()).close_complete)
    elif response.is_async:
        response.streaming_content = AsyncBody(incoming, response.streaming_content)
    else:
        response.streaming_content = Body(incoming, response.streaming_content)
    return response


def _broken(incoming: Incoming, error: BaseException) -> None:
    note_disconnect(incoming, error)
    incoming.failed(error)
    incoming.finish()
    incoming.let_go()


class AsyncBody:
    """The body of an answer, whose parts are produced where the request is current."""

    def __init__(self, request: Incoming, body: Any) -> None:
        self._request = request
        self._next = body.__aiter__().__anext__

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        request = self._request
        request.enter()
        try:
            return await self._next()
        except StopAsyncIteration:
            request.finish()
            raise
        except BaseException as error:
            request.failed(error)
            request.finish()
            raise
        finally:
            request.leave()

    def close(self) -> None:
        """The handler is done with it; where it has not asked for all, the client has gone."""
        request = self._request
        request.is_gone = True
        request.finish()
        request.let_go()

    def __del__(self, is_over: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_over():
            _guard.guarded("dropped answer", None, self._request.abandon)


def _layered(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`call`, and every middleware that it leads to, as spans around one another."""
    target = _target(call)
    if getattr(target, "__name__", "") in ("_get_response", "_get_response_async"):
        return call
    _put_layers(target)
    name = getattr(target, "__qualname__", type(target).__qualname__)
    return _spanned(call, "middleware.django", name.partition(".<locals>")[0])


def _target(call: Any) -> Any:
    """The middleware, or the handler's method, below what Django has put around it."""
    found = call
    while True:
        if type(call) is SyncToAsync:
            call = call.func
        elif type(call) is AsyncToSync:
            call = call.awaitable
        elif type(call) is FunctionType and call.__code__ in _LINKS:
            # Only what leads through a link of Django's: programs adapt functions of their own, too.
            found = call = vars(call)["__wrapped__"]
        else:
            return found


def _put_layers(middleware: Any, depth: int = 0) -> None:
    """Put a layer where a middleware keeps what comes after it: an attribute of any name, or a function's variable."""
    if type(middleware) is MethodType:
        middleware = middleware.__self__
    kept: dict[str, Any] = getattr(middleware, "__dict__", {})
    for name, value in list(kept.items()):
        if _target(value) is not value:
            kept[name] = _layered(value)
    for cell in getattr(middleware, "__closure__", None) or ():
        try:
            value = cell.cell_contents
        except ValueError:
            continue
        if _target(value) is not value:
            cell.cell_contents = _layered(value)
        elif type(value) is FunctionType and not hasattr(value, _MARK) and depth < _DEEPEST:
            _put_layers(value, depth + 1)


def _watch_views() -> None:
    """The call of a view becomes a span, whatever the middlewares around it are."""
    original = BaseHandler.make_view_atomic
    if hasattr(original, _MARK):
        return

    @wraps(original)
    def make_view_atomic(self: Any, view: Any) -> Any:
        made = original(self, view)
        return made if here() is None else _spanned(made, "view.render", _view_name(view))

    setattr(make_view_atomic, _MARK, True)
    BaseHandler.make_view_atomic = make_view_atomic


def _view_name(view: Any) -> str:
    view = getattr(view, "view_class", view)
    return f"{view.__module__}.{getattr(view, '__qualname__', type(view).__qualname__)}"


def _spanned(call: Callable[..., Any], op: str, name: str) -> Callable[..., Any]:
    """`call`, whose first argument is a request, as a span of the request's transaction."""
    if iscoroutinefunction(call):

        @wraps(call)
        async def in_layer_async(request: Any, *args: Any, **kwargs: Any) -> Any:
            incoming = _incoming_of(request)
            if incoming is None or incoming.transaction is None:
                return await call(request, *args, **kwargs)
            with Layer(incoming, op, name, _code_of):
                try:
                    return await call(request, *args, **kwargs)
                except OSError as error:
                    note_disconnect(incoming, error)
                    raise

        setattr(in_layer_async, _MARK, True)
        return in_layer_async

    @wraps(call)
    def in_layer(request: Any, *args: Any, **kwargs: Any) -> Any:
        incoming = _incoming_of(request)
        if incoming is None or incoming.transaction is None:
            return call(request, *args, **kwargs)
        with Layer(incoming, op, name, _code_of):
            try:
                return call(request, *args, **kwargs)
            except OSError as error:
                note_disconnect(incoming, error)
                raise

    setattr(in_layer, _MARK, True)
    return in_layer


def _code_of(error: BaseException) -> int | None:
    """The status with which Django answers an exception; `None`: with a 500."""
    return next((code for kind, code in _ANSWERED.items() if isinstance(error, kind)), None)


def _plain_route(route: str) -> str:
    """A route without the marks of a regular expression's begin and end."""
    return route.removeprefix("^").removesuffix("$").removesuffix("\\Z")


def _let_through(sender: Any, request: Any = None, **_: Any) -> None:
    """Django is about to answer an exception with a 500."""
    error = sys.exc_info()[1]
    incoming = _incoming_of(request) if request is not None else None
    if incoming is not None and error is not None:
        note_disconnect(incoming, error)
        incoming.failed(error, "django")


def _watch_templates() -> None:
    """The rendering of templates becomes spans."""
    original = template_backend.Template.render
    if hasattr(original, _MARK):
        return

    @wraps(original)
    def render(self: Any, context: Any = None, request: Any = None) -> Any:
        if here() is None:
            return original(self, context, request)
        with span("template.render", self.template.name or "<string>"):
            return original(self, context, request)

    setattr(render, _MARK, True)
    template_backend.Template.render = render


def _user(request: Any) -> dict[str, Any] | None:
    """Who is logged in, if something has asked for it already: nothing here leads to a query."""
    known = vars(request)
    user = known.get("_cached_user") or known.get("_acached_user")
    # What an anonymous one, which is no model, does not have.
    meta = getattr(type(user), "_meta", None)
    if meta is None:
        return None
    kept = vars(user)
    key = kept.get(meta.pk.attname)
    name, email = kept.get(user.USERNAME_FIELD), kept.get(user.get_email_field_name())
    return {"id": str(key), "username": name, "email": email} if key is not None else None


def _body(request: Any, limit: int) -> Any:
    """The body, as far as the view has read it."""
    return _guard.foreign("request body", None, _read_already, request, limit)


def _read_already(request: Any, limit: int) -> Any:
    known = vars(request)
    raw = known.get("_body")
    kind = request.META.get("CONTENT_TYPE", "")
    if raw:
        return parsed_body(raw, kind) if len(raw) <= limit else TOO_LONG
    length = str(request.META.get("CONTENT_LENGTH") or "")
    if length.isdecimal() and (len(length) > 18 or int(length) > limit):
        return TOO_LONG
    if "_post" not in known:
        return None
    fields = [(key, value) for key, values in known["_post"].lists() for value in values]
    files = [(key, one) for key, values in known.get("_files", {}).lists() for one in values]
    told = ((key, {"filename": one.name, "type": one.content_type}) for key, one in files)
    return read_form([*fields, *told], limit)
