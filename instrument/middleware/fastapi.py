"""For FastAPI: `trace(app)`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from fastapi import FastAPI

from . import starlette
from ._jobs import METHODS

__all__ = ["trace"]

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
    prefixes of paths. The other keywords are those of `asgi.Tracing`. The app's middlewares become spans. Returns the
    app.
    """
    return starlette.trace(
        app,
        routes=routes,
        isolation=isolation,
        transactions=transactions,
        errors=errors,
        methods=methods,
        origin="auto.http.fastapi",
    )
