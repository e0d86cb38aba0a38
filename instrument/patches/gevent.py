"""gevent: a greenlet keeps as parent the span that was current where it was spawned.

Greenlets start with an empty context; before one runs it is given a context that holds our variables and nothing else.
Threads of a monkey-patched program are greenlets too, and are the business of the patch of `threading`.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterable
from typing import Any

from ._context import Bound, Carried
from .patch import Around, LibraryPatch, Rewrite

__all__ = ["Greenlets", "Groups", "ThreadPools"]


class Greenlets(LibraryPatch):
    """`gevent.spawn`, `spawn_later` and `spawn_raw`."""

    name = "gevent"

    def hooks(self) -> Iterable[Around]:
        """What spawns; a spawned greenlet runs first when its spawner waits for something."""
        return [Around(name, _spawning, _spawned) for name in ("spawn", "spawn_later", "spawn_raw")]


class Groups(LibraryPatch):
    """`gevent.pool.Pool` and `Group`."""

    name = "gevent.pool"

    def hooks(self) -> Iterable[Around | Rewrite]:
        """Where either starts a greenlet, however that was made, and what maps by a greenlet of its own."""
        by_greenlet = ("apply_async", "imap", "imap_unordered", "map_async")
        return [
            Around("Group.start", _starting),
            Around("Pool.start", _starting),
            Rewrite("GroupMappingMixin.map", _bound),
            *(Around(f"GroupMappingMixin.{name}", _spawning, _spawned) for name in by_greenlet),
        ]


class ThreadPools(LibraryPatch):
    """`gevent.threadpool.ThreadPool`: real threads beside the loop's."""

    name = "gevent.threadpool"

    def hooks(self) -> Iterable[Rewrite]:
        """Where a function is handed in."""
        return (Rewrite("ThreadPool.spawn", _bound),)


def _spawning(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Carried:
    return Carried()


def _spawned(carried: Carried, greenlet: Any, error: BaseException | None) -> None:
    if error is None:
        _hand(carried, greenlet)


def _starting(group: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    _hand(Carried(), args[0] if args else kwargs["greenlet"])


def _bound(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    return ((Bound(args[0]), *args[1:]), kwargs) if args else None


def _hand(carried: Carried, greenlet: Any) -> None:
    if greenlet.gr_context is None and not greenlet.dead:
        context = contextvars.Context()
        context.run(carried.settle)
        greenlet.gr_context = context
