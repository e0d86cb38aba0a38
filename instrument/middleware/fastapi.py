"""For FastAPI: `trace(app)`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from typing import Any, TypeVar

from fastapi import FastAPI, routing
from starlette.exceptions import HTTPException

from .. import _guard
from . import starlette
from ._http import Layer, incoming_of
from ._jobs import METHODS

__all__ = ["trace"]

MOST = 8
"""How many dependencies the span's description names."""
_MARK = "_instrument"

A = TypeVar("A", bound=FastAPI)


def trace(
    app: A,
    *,
    routes: Iterable[Any] | None = None,
    isolation: bool = True,
    transactions: bool = True,
    errors: bool = True,
    methods: Iterable[str] = METHODS,
) -> A:
    """Record every request to `app`, named after its route: `GET /users/{id}`.

        app = trace(FastAPI())

    `routes` limits the transactions to the routers that it names, where they start when the router is reached, and to
    prefixes of paths. The other keywords are those of `asgi.Tracing`. The app's middlewares become spans, and so does
    what the dependencies of a route do before it is called. Returns the app.
    """
    _watch_dependencies()
    return starlette.trace(
        app,
        routes=routes,
        isolation=isolation,
        transactions=transactions,
        errors=errors,
        methods=methods,
        origin="auto.http.fastapi",
    )


def _watch_dependencies() -> None:
    """The solving of a route's dependencies becomes a span."""
    solve: Any = getattr(routing, "solve_dependencies", None)
    if solve is None or hasattr(solve, _MARK):
        return

    @wraps(solve)
    async def watched(*args: Any, **kwargs: Any) -> Any:
        layer = _guard.guarded("dependencies", None, _layer, kwargs.get("request"), kwargs.get("dependant"))
        if layer is None:
            return await solve(*args, **kwargs)
        with layer:
            return await solve(*args, **kwargs)

    setattr(watched, _MARK, True)
    vars(routing)["solve_dependencies"] = watched


def _layer(request: Any, dependant: Any) -> Layer | None:
    """The span for the dependencies of a route, named after those that the route itself asks for."""
    wanted: list[Any] = getattr(dependant, "dependencies", None) or []
    incoming = incoming_of(request.scope) if wanted and request is not None else None
    if incoming is None or incoming.transaction is None:
        return None
    names = [getattr(one.call, "__name__", None) or type(one.call).__name__ for one in wanted[:MOST]]
    shown = ", ".join(names) + (", ..." if len(wanted) > MOST else "")
    return Layer(incoming, "middleware.fastapi", shown, _code_of)


def _code_of(error: BaseException) -> int | None:
    """The status that FastAPI answers an exception of a dependency with."""
    return int(error.status_code) if isinstance(error, HTTPException) else None
