"""gevent: a greenlet keeps as parent the span that was current where it was spawned.

Greenlets start with an empty context; before one runs it is given a context that holds our variables and nothing else.
Threads of a monkey-patched program are greenlets too, and are the business of the patch of `threading`.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterable
from typing import Any

from ._context import Carried
from .patch import Around, LibraryPatch

__all__ = ["Greenlets", "Groups"]


class Greenlets(LibraryPatch):
    """`gevent.spawn`, `spawn_later` and `spawn_raw`."""

    name = "gevent"
    distribution = "gevent"

    def hooks(self) -> Iterable[Around]:
        """What spawns; a spawned greenlet runs first when its spawner waits for something."""
        return [Around(name, _spawning, _spawned) for name in ("spawn", "spawn_later", "spawn_raw")]


class Groups(LibraryPatch):
    """`gevent.pool.Pool` and `Group`."""

    name = "gevent.pool"
    distribution = "gevent"

    def hooks(self) -> Iterable[Around]:
        """Where a group starts a greenlet, however that was made."""
        return (Around("Group.start", _starting),)


def _spawning(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Carried:
    return Carried()


def _spawned(carried: Carried, greenlet: Any, error: BaseException | None) -> None:
    if error is None:
        _hand(carried, greenlet)


def _starting(group: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    _hand(Carried(), args[0] if args else kwargs["greenlet"])


def _hand(carried: Carried, greenlet: Any) -> None:
    if greenlet.gr_context is None and not greenlet.dead:
        context = contextvars.Context()
        context.run(carried.settle)
        greenlet.gr_context = context
