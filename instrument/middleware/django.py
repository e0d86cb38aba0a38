"""For Django: `"instrument.middleware.django.Tracing"`, first in MIDDLEWARE."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial, wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from django.template.backends import django as template_backend
from django.utils.safestring import SafeString, mark_safe

from .. import _guard, api
from ..recording import here, span
from ._http import Incoming, Layer, incoming_of
from ._jobs import METHODS, Jobs
from ._request_data import Head, as_form, parsed_body
from .asgi import ScopeHead
from .wsgi import Body, EnvironHead

__all__ = ["Tracing", "trace_meta"]

ORIGIN = "auto.http.django"
_MARK = "_instrument"


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

    def __call__(self, request: Any) -> Any:
        """The response, or, in an asynchronous handler, an awaitable of it."""
        if self._is_async:
            return self._respond(request)
        incoming = Incoming.begin(_head(request), self._jobs)
        if incoming is None:
            return self.get_response(request)
        try:
            return _answered(incoming, self.get_response(request))
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
            return _answered(incoming, await self.get_response(request))
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


def _answered(incoming: Incoming, response: Any) -> Any:
    """The response, such that the request ends with its body."""
    incoming.code = response.status_code
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
    """`call`, and every middleware that it leads to, as spans around one another; the innermost is the view."""
    target: Any = call
    while True:
        inner = getattr(target, "__wrapped__", None) or getattr(target, "func", None)
        if inner is None or inner is target:
            break
        target = inner
    if callable(getattr(target, "get_response", None)):
        target.get_response = _layered(target.get_response)
    is_view = getattr(target, "__name__", "") in ("_get_response", "_get_response_async")
    name = getattr(target, "__qualname__", type(target).__qualname__)

    def open_layer(request: Any) -> Layer | None:
        incoming = _incoming_of(request)
        if incoming is None or incoming.transaction is None:
            return None
        return Layer(incoming, "view.render", "no view") if is_view else Layer(incoming, "middleware.django", name)

    if iscoroutinefunction(call):

        @wraps(call)
        async def layer_async(request: Any) -> Any:
            layer = open_layer(request)
            if layer is None:
                return await call(request)
            with layer as current:
                try:
                    return await call(request)
                finally:
                    if is_view:
                        current.description = _view_name(request)

        return layer_async

    @wraps(call)
    def layer_sync(request: Any) -> Any:
        layer = open_layer(request)
        if layer is None:
            return call(request)
        with layer as current:
            try:
                return call(request)
            finally:
                if is_view:
                    current.description = _view_name(request)

    return layer_sync


def _view_name(request: Any) -> str:
    match = request.resolver_match
    if match is None:
        return "no view"
    view = getattr(match.func, "view_class", match.func)
    return f"{view.__module__}.{getattr(view, '__qualname__', type(view).__qualname__)}"


def _plain_route(route: str) -> str:
    """A route without the marks of a regular expression's begin and end."""
    return route.removeprefix("^").removesuffix("$").removesuffix("\\Z")


def _let_through(sender: Any, request: Any = None, **_: Any) -> None:
    """Django is about to answer an exception with a 500."""
    error = sys.exc_info()[1]
    incoming = _incoming_of(request) if request is not None else None
    if incoming is not None and error is not None:
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
        return parsed_body(raw, kind) if len(raw) <= limit else None
    length = str(request.META.get("CONTENT_LENGTH") or "")
    if "_post" not in known or not length.isdecimal() or int(length) > limit:
        return None
    fields = [(key, value) for key, values in known["_post"].lists() for value in values]
    files = [(key, one) for key, values in known.get("_files", {}).lists() for one in values]
    return as_form([*fields, *((key, {"filename": one.name, "type": one.content_type}) for key, one in files)]) or None
