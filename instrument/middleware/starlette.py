"""For Starlette: `trace(app)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.authentication import BaseUser
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from .. import _guard
from ..errors import BadOption
from ._http import UNROUTED, Layer, incoming_of
from ._jobs import METHODS, under
from ._request_data import Head
from .asgi import Application, Receive, Scope, Send, Tracing

__all__ = ["trace"]

REST = "/{path}"
"""In names what follows the path of a mount whose application is none of Starlette's."""
_UNROUTED = UNROUTED | {307, 308}
"""What a router answers where it finds no route, or one only for the path with another slash at the end."""
HANDLERS = "starlette.exception_handlers"
"""Where a scope has the handlers of exceptions of the innermost app: two mappings, by class and by status."""

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
    is reached, and to prefixes of paths; anything else is a `BadOption`. The other keywords are those of
    `asgi.Tracing`. The app's middlewares become spans. Returns the app.
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
        chosen = _parts(routes)
        self._prefixes = None if routes is None else under([one for one in chosen if isinstance(one, str)])
        self._chosen = [one for one in chosen if not isinstance(one, str)]
        self._build = app.build_middleware_stack
        vars(app)["build_middleware_stack"] = self._stack
        app.middleware_stack = None

    def _stack(self) -> Any:
        """The app's own stack, with ours around it, between its layers, and inside its handler of server errors."""
        app = self._app
        middlewares = app.user_middleware
        inside = [*map(_layer, middlewares), Middleware(_watch_bodies)] if middlewares else []
        app.user_middleware = [Middleware(self._watch), *inside]
        try:
            stack = self._build()
        finally:
            app.user_middleware = middlewares
        return Tracing(stack, **self._jobs, routes=self._prefixes, origin=self._origin)

    def _watch(self, app: Application) -> Application:
        """The outermost layer: what passes it is answered by the app's handler of server errors, and raised on."""

        async def watch(scope: Scope, receive: Receive, send: Send) -> None:
            if len(self._app.routes) != self._count:
                self._count = len(self._app.routes)
                self._watch_routes(self._app.routes, _below(self._chosen))
            incoming = incoming_of(scope)
            if incoming is not None:
                incoming.head.user_of = partial(_user, scope)
                incoming.unrouted = _UNROUTED
                if not incoming.prefix and "app_root_path" in scope:
                    incoming.prefix = _mounted_at(scope)
            try:
                await app(scope, receive, send)
            except Exception as error:
                incoming = incoming_of(scope)
                if incoming is not None:
                    incoming.failed(error)
                raise

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
                    known = partial(_known, route, passes_on=bool(inner))
                    route.handle = Tracing(route.handle, **jobs, routes=known, origin=self._origin)


def _watch_bodies(app: Application) -> Application:
    """The innermost layer: an error in the midst of an answer, which a middleware may end as if nothing was."""

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            incoming = incoming_of(scope)
            if incoming is not None and incoming.is_answering():
                incoming.failed(error)
            raise

    return watch


def _watched_route(route: Any, handle: Application, *, passes_on: bool) -> Application:
    is_opaque = not passes_on and hasattr(route, "routes")

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        incoming = incoming_of(scope)
        if incoming is not None:
            path = _path(route, scope)
            if is_opaque:
                incoming.name(path + REST, is_whole=False)
            if passes_on or is_opaque:
                incoming.prefix += path
            else:
                incoming.name(path)
            tables = scope.get(HANDLERS)
            if type(tables) is tuple and _Seen not in tables[0]:
                _guard.guarded("exception handlers", None, _watch_handlers, tables)
        await handle(scope, receive, send)

    return watched


def _known(route: Any, head: Head, *, passes_on: bool) -> bool:
    """A chosen route takes all its requests, and tells what it is, if it is the last of the way."""
    outer = incoming_of(head.carrier)
    if not passes_on and outer is not None:
        head.route = outer.prefix + _path(route, head.carrier) + (REST if hasattr(route, "routes") else "")
    return True


class _Seen(Exception):
    """Never raised: as a key it says that the handlers beside it are watched."""


def _watch_handlers(tables: tuple[dict[Any, Any], ...]) -> None:
    for table in tables:
        for key, handler in list(table.items()):
            table[key] = _Watched(handler)
    tables[0][_Seen] = None


class _Watched:
    """A handler of exceptions, which captures those that ask for a status of 500 and above on the way."""

    def __init__(self, handler: Callable[..., Any]) -> None:
        self._handler = handler
        self._is_async = _is_async(handler)

    async def __call__(self, connection: Any, error: Exception) -> Any:
        """The handler's answer."""
        _guard.guarded("exception handler", None, _note, connection, error)
        if self._is_async:
            return await self._handler(connection, error)
        return await run_in_threadpool(self._handler, connection, error)


def _is_async(handler: Any) -> bool:
    """Whether Starlette would await what a handler returns: it need not be a function."""
    while isinstance(handler, partial):
        handler = handler.func
    return iscoroutinefunction(handler) or iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004


def _note(connection: Any, error: Exception) -> None:
    incoming = incoming_of(connection.scope)
    if incoming is not None and isinstance(error, HTTPException) and error.status_code >= 500:
        incoming.failed(error, code=int(error.status_code))


def _path(route: Any, scope: Scope) -> str:
    """The path of a route as it is spelled; FastAPI keeps the prefix of an included router in the scope."""
    context = (scope.get("fastapi") or {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", None) is route:
        route = context
    return str(getattr(route, "path", None) or getattr(route, "path_format", ""))


def _mounted_at(scope: Scope) -> str:
    """Where an app that is not traced has mounted this one; what stood in for a parameter is the parameter again."""
    path = str(scope.get("root_path") or "").removeprefix(str(scope["app_root_path"] or ""))
    parameters = {str(value): f"{{{name}}}" for name, value in (scope.get("path_params") or {}).items()}
    return "/".join(parameters.get(part, part) for part in path.split("/"))


def _user(scope: Scope) -> dict[str, Any] | None:
    """Whom the middleware for authentication has found."""
    user = scope.get("user")
    if not isinstance(user, BaseUser) or not user.is_authenticated:
        return None
    known = getattr(user, "__dict__", {})
    return {"id": known.get("id"), "username": user.display_name, "email": known.get("email")}


def _parts(routes: Any) -> list[Any]:
    """What `routes` names: routers, routes, prefixes of paths."""
    if routes is None:
        return []
    is_single = isinstance(routes, (str, BaseRoute)) or hasattr(routes, "routes")
    parts = [routes] if is_single or not isinstance(routes, Iterable) else list(routes)
    for one in parts:
        if not (isinstance(one, (str, BaseRoute)) or hasattr(one, "routes")):
            raise BadOption(f"routes={one!r} cannot be used: give routers, routes, mounts or prefixes of paths")
    return parts


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
