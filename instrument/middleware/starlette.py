"""For Starlette: `trace(app)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.authentication import BaseUser
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute

from ._http import Layer, incoming_of
from ._jobs import METHODS, under
from .asgi import Application, Receive, Scope, Send, Tracing

__all__ = ["trace"]

A = TypeVar("A", bound=Starlette)


def trace(
    app: A,
    *,
    routes: Iterable[Any] | None = None,
    isolation: bool = True,
    transactions: bool = True,
    errors: bool = True,
    methods: Iterable[str] = METHODS,
    origin: str = "auto.http.starlette",
) -> A:
    """Record every request to `app`, named after its route: `GET /users/{id}`.

        app = trace(Starlette(routes=[...]))

    `routes` limits the transactions to the routers, routes and mounts that it names, where they start when the router
    is reached, and to prefixes of paths. The other keywords are those of `asgi.Tracing`. The app's middlewares become
    spans. Returns the app.
    """
    if hasattr(app, "_instrument"):
        return app
    jobs = {"isolation": isolation, "transactions": transactions, "errors": errors, "methods": methods}
    vars(app)["_instrument"] = _Traced(app, routes, origin, jobs)
    return app


class _Traced:
    """One app: what is put around it, its middlewares and its routes when it builds its stack."""

    def __init__(self, app: Starlette, routes: Iterable[Any] | None, origin: str, jobs: dict[str, Any]) -> None:
        self._app = app
        self._origin = origin
        self._jobs = jobs
        self._count = -1
        chosen = [] if routes is None else [routes] if isinstance(routes, (str, BaseRoute)) else list(routes)
        self._prefixes = None if routes is None else under([one for one in chosen if isinstance(one, str)])
        self._chosen = [one for one in chosen if not isinstance(one, str)]
        self._build = app.build_middleware_stack
        vars(app)["build_middleware_stack"] = self._stack
        app.middleware_stack = None

    def _stack(self) -> Any:
        """The app's own stack, with ours around it, between its layers, and inside its handler of server errors."""
        app = self._app
        middlewares, handlers = app.user_middleware, app.exception_handlers
        app.user_middleware = [Middleware(self._watch), *map(_layer, middlewares), Middleware(_watch_errors)]
        app.exception_handlers = {**handlers, HTTPException: _watched_handler(handlers.get(HTTPException))}
        try:
            stack = self._build()
        finally:
            app.user_middleware, app.exception_handlers = middlewares, handlers
        return Tracing(stack, **self._jobs, routes=self._prefixes, origin=self._origin)

    def _watch(self, app: Application) -> Application:
        """The outermost layer, inside the app's handler of server errors, which answers before it raises on."""
        watched = _watch_errors(app)

        async def watch(scope: Scope, receive: Receive, send: Send) -> None:
            if len(self._app.routes) != self._count:
                self._count = len(self._app.routes)
                self._watch_routes(self._app.routes, _below(self._chosen))
            incoming = incoming_of(scope)
            if incoming is not None:
                incoming.head.user_of = partial(_user, scope)
            await watched(scope, receive, send)

        return watch

    def _watch_routes(self, routes: Iterable[Any], chosen: set[Any]) -> None:
        for route in routes:
            included = getattr(route, "original_router", None)
            inner = included.routes if included is not None else getattr(route, "routes", None)
            if inner:
                self._watch_routes(inner, chosen)
            if included is None and hasattr(route, "handle") and not hasattr(route, "_instrument"):
                route._instrument = self
                route.handle = _watched_route(route, route.handle, passes_on=bool(inner))
                if not chosen.isdisjoint({id(route), _endpoint(route)}):
                    jobs = {**self._jobs, "isolation": False, "errors": False}
                    route.handle = Tracing(route.handle, **jobs, origin=self._origin)


def _watched_route(route: Any, handle: Application, *, passes_on: bool) -> Application:
    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        incoming = incoming_of(scope)
        if incoming is not None:
            if passes_on:
                incoming.prefix += _path(route, scope)
            else:
                incoming.name(_path(route, scope) + ("/{path}" if hasattr(route, "routes") else ""))
        await handle(scope, receive, send)

    return watched


def _watch_errors(app: Application) -> Application:
    """A layer that sees an error before the layers outside it end the answer as if nothing was."""

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            incoming = incoming_of(scope)
            if incoming is not None:
                incoming.failed(error)
            raise

    return watch


def _path(route: Any, scope: Scope) -> str:
    """The path of a route as it is spelled; FastAPI keeps the prefix of an included router in the scope."""
    context = (scope.get("fastapi") or {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", None) is route:
        route = context
    return str(getattr(route, "path", None) or getattr(route, "path_format", ""))


def _user(scope: Scope) -> dict[str, Any] | None:
    """Whom the middleware for authentication has found."""
    user = scope.get("user")
    if not isinstance(user, BaseUser) or not user.is_authenticated:
        return None
    known = getattr(user, "__dict__", {})
    return {"id": known.get("id"), "username": user.display_name, "email": known.get("email")}


def _below(chosen: Iterable[Any]) -> set[Any]:
    """What the routes in the chosen routers are known by."""
    found: set[Any] = set()
    for one in chosen:
        inner = getattr(getattr(one, "original_router", one), "routes", None)
        if inner:
            found |= _below(inner)
        found |= {id(one), _endpoint(one)} - {None}
    return found


def _endpoint(route: Any) -> Any:
    """The function behind a route of FastAPI, which may copy the routes of a router that is included."""
    return getattr(route, "endpoint", None) if type(route).__module__.startswith("fastapi.") else None


def _layer(middleware: Any) -> Middleware:
    """The same middleware, whose calls are spans."""
    name = getattr(middleware.cls, "__name__", type(middleware.cls).__name__)

    def make(app: Application) -> Application:
        inner = middleware.cls(app, *middleware.args, **middleware.kwargs)

        async def layer(scope: Scope, receive: Receive, send: Send) -> None:
            incoming = incoming_of(scope)
            if incoming is None or incoming.transaction is None:
                await inner(scope, receive, send)
                return
            with Layer(incoming, "middleware.starlette", name):
                await inner(scope, receive, send)

        return layer

    return Middleware(make)


def _watched_handler(handler: Callable[..., Any] | None) -> Callable[..., Awaitable[Any]]:
    """The handler of exceptions with a status, which captures those of 500 and above on the way."""
    original = handler or ExceptionMiddleware(_nothing).http_exception

    async def watched(connection: Any, error: Any) -> Any:
        incoming = incoming_of(connection.scope)
        if incoming is not None and error.status_code >= 500:
            incoming.failed(error)
        if iscoroutinefunction(original):
            return await original(connection, error)
        return await run_in_threadpool(original, connection, error)

    return watched


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    pass
