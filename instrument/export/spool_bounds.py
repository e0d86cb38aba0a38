"""The bounds of the spool as a whole: what dead processes left goes, oldest first, when the user has too much of it."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from .. import _clock
from .adoption import FOLDER_NAME, lock_home
from .record import LEAST_FIRST, Kind
from .spool_books import Loss
from .spool_folder import Folder
from .spool_home import Home

__all__ = ["keep_house"]

SCAN_SECONDS: Final = 0.05
DRAFT_NS: Final = 3600 * 1_000_000_000
LEAST_AGE: Final = 48 * 3600.0
"""Younger folders of other destinations may have a longer `max_age` than ours."""


class Tenant(NamedTuple):
    """The folder of one process, as a look from outside shows it."""

    destination: str
    name: str
    is_draft: bool
    """Whether its process has not published it yet, or died before that."""
    bytes: int
    changed: int


def keep_house(
    home: Home,
    total_bytes: int,
    max_age: float,
    lose: Loss,
    lose_elsewhere: Loss,
    wall: Callable[[], int] = _clock.wall,
) -> None:
    """Look at the whole spool for a bounded time and remove what is too old or too much. Raises `OSError`.

    What is lost is told to `lose`, of other destinations than that of `home` to `lose_elsewhere`.
    """
    own = home.parent.path.name

    def evict(tenant: Tenant, kinds: tuple[Kind, ...], surplus: int) -> int:
        return _evict(root, tenant, kinds, lose if tenant.destination == own else lose_elsewhere, surplus)

    now = wall()
    oldest = now - int(max(max_age, LEAST_AGE) * 1e9)
    with Folder.at(home.parent.path.parent, make=False) as root:
        tenants = sorted(_tenants(root), key=lambda tenant: tenant.changed)
        total = sum(tenant.bytes for tenant in tenants)
        for tenant in tenants:
            if tenant.changed < oldest or (tenant.is_draft and tenant.changed < now - DRAFT_NS):
                total -= evict(tenant, LEAST_FIRST, tenant.bytes)
        for kind in LEAST_FIRST:
            for tenant in tenants:
                if total > total_bytes and not tenant.is_draft and tenant.name != home.folder.path.name:
                    total -= evict(tenant, (kind,), total - total_bytes)
            while total > total_bytes:
                freed = home.evict(kind)
                if not freed:
                    break
                total -= freed


def _evict(root: Folder, tenant: Tenant, kinds: tuple[Kind, ...], lose: Loss, surplus: int) -> int:
    """Remove segments of a dead process's folder until so many bytes are free; how many are."""
    freed = 0
    try:
        with root.folder(tenant.destination) as destination:
            home = lock_home(destination, tenant.name, lose)
    except OSError:
        return 0
    if home is None:
        return 0
    for kind in kinds:
        while freed < surplus:
            size = home.evict(kind)
            if not size:
                break
            freed += size
    home.leave()
    return freed


def _tenants(root: Folder) -> Iterator[Tenant]:
    deadline = _clock.seconds() + SCAN_SECONDS
    for destination in root.names():
        try:
            with root.folder(destination) as folder:
                for name in folder.names():
                    if _clock.seconds() > deadline:
                        return
                    if FOLDER_NAME.fullmatch(name.removeprefix(".")):
                        yield _look(folder, destination, name)
        except OSError:
            continue  # not a folder of ours, or gone by now


def _look(destination: Folder, parent: str, name: str) -> Tenant:
    size, changed = 0, 0
    try:
        with destination.folder(name) as folder:
            for file in folder.names():
                found = folder.stat(file)
                if stat.S_ISREG(found.st_mode):
                    size += found.st_size
                    # The other files change when somebody reads.
                    if file.endswith(".log"):
                        changed = max(changed, found.st_mtime_ns)
            changed = changed or folder.changed()
    except OSError:
        changed = _clock.wall()
    return Tenant(parent, name, name.startswith("."), size, changed)
