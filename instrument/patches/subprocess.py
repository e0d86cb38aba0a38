"""subprocess: variables of the child's environment carry the trace, and `init` in the child continues it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..options import process_environment
from ..propagation import write_environment
from ._processes import outgoing
from .patch import LibraryPatch, Rewrite

__all__ = ["Subprocesses"]

_PLACE: Final = 10
"""Of `env` among the positional arguments of `Popen`, after `self`."""


class Subprocesses(LibraryPatch):
    """`Popen`, and with it `run`, `call`, `check_output` and asyncio's subprocesses. Nothing outside a transaction."""

    name = "subprocess"

    def hooks(self) -> Iterable[Rewrite]:
        """The one way to start a program."""
        return (Rewrite("Popen.__init__", _with_trace),)


def _with_trace(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    variables = write_environment(outgoing() or {})
    if not variables:
        return None
    given = args[_PLACE] if len(args) > _PLACE else kwargs.get("env")
    environment = _merged(given, variables)
    if len(args) > _PLACE:
        return (*args[:_PLACE], environment, *args[_PLACE + 1 :]), kwargs
    return args, {**kwargs, "env": environment}


def _merged(given: Mapping[Any, Any] | None, variables: dict[str, str]) -> dict[Any, Any]:
    """A new environment: the caller's, or the process's own, with our variables unless the caller chose others."""
    own = process_environment()
    if given is None:
        return {**own, **variables}
    chosen = given.get("SENTRY_TRACE")
    if chosen is not None and chosen != own.get("SENTRY_TRACE"):
        return dict(given)
    return {**given, **variables}
