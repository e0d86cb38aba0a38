"""Which patches there are, which of them are on, and why the others are not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from .. import _guard
from .._value import Value
from ..errors import BadOption
from ._arrivals import listen
from ._versions import version_of
from .patch import LibraryPatch, Patch

__all__ = ["PatchState", "apply", "listing", "remove", "select", "settle", "starter"]

KNOWN: Final[Mapping[str, tuple[str, str]]] = {
    "_thread": ("threading", "LowThreads"),
    "aiohttp": ("aiohttp", "Aiohttp"),
    "asyncio.base_events": ("last_resort", "LoopHandler"),
    "concurrent.futures.thread": ("concurrent_futures", "ThreadExecutor"),
    "concurrent.futures.process": ("concurrent_futures", "ProcessExecutor"),
    "gevent": ("gevent", "Greenlets"),
    "gevent.pool": ("gevent", "Groups"),
    "gevent.threadpool": ("gevent", "ThreadPools"),
    "http.client": ("http_client", "HttpClient"),
    "httpx": ("httpx", "Httpx"),
    "logging": ("logging", "Logging"),
    "multiprocessing.pool": ("multiprocessing", "Pools"),
    "multiprocessing.process": ("multiprocessing", "Processes"),
    "sqlalchemy": ("sqlalchemy", "SqlAlchemy"),
    "sqlite3": ("sqlite3", "Sqlite3"),
    "subprocess": ("subprocess", "Subprocesses"),
    "sys.excepthook": ("last_resort", "ExceptHook"),
    "sys.unraisablehook": ("last_resort", "UnraisableHook"),
    "threading": ("threading", "Threads"),
    "threading.excepthook": ("last_resort", "ThreadHook"),
    "urllib3": ("urllib3", "Urllib3"),
    "warnings": ("warnings", "Warnings"),
}
"""Name of the patched library -> our module and its class. All but those of `ON_REQUEST` are on by default."""

ON_REQUEST: Final = frozenset({"warnings"})
"""Patches that are applied only when they are named."""

TARGETS: Final[Mapping[str, str]] = {
    "sys.excepthook": "sys",
    "sys.unraisablehook": "sys",
    "threading.excepthook": "threading",
}
"""The modules of patches that are not called after theirs."""

WAITING: Final = "waits for its library to be imported"


class PatchState(Value):
    """One patch as it stands: what `patches()` lists."""

    name: str
    target: str
    """The module it is put onto."""
    version: str | None
    """The library's, when it is imported and tells."""
    state: str
    """"on", "off", or "waiting" for the library to be imported."""
    why: str
    """Why it is not on."""
    callables: dict[str, str]
    """What it wraps, and for each the package whose wrapper is the outermost there now: ours, or another tool's."""
    calls: int
    faults: int
    nanoseconds: int | None
    """What our part of a call takes on average; `None` before enough calls were timed."""


class _Entry:
    """One patch of this process. It is made when its library is there."""

    def __init__(self, name: str, patch: Any, *, is_configured: bool) -> None:
        self.name = name
        self.patch = patch
        self.is_configured = is_configured
        self.target: str = TARGETS.get(name, name) if patch is None else getattr(patch, "name", "") or name
        self.wanted = ""
        """By whom: "init", "patch", or nobody."""
        self.is_on = False
        self.why = "not asked for"

    @property
    def is_ours(self) -> bool:
        return self.patch is None or isinstance(self.patch, LibraryPatch)

    def put_on(self) -> None:
        """Now, or when its library is imported; a stranger's patch waits for nothing."""
        if self.is_on and not getattr(self.patch, "why_off", ""):
            return
        self.why = ""
        if self.is_ours:
            _await(self.target)
            if self.target not in sys.modules:
                self.why = WAITING
                return
        self.is_on = bool(_guard.guarded(f"patch {self.name}", False, self._install))
        self.why = self.why or ("" if self.is_on else "it failed")

    def renew(self) -> None:
        """Its library has been imported, perhaps not for the first time: what was put on is gone with the old code."""
        if getattr(self.patch, "why_off", ""):
            return
        if self.is_on:
            self.is_on = False
            _guard.guarded(f"patch {self.name}", None, self.patch.uninstall)
        self.put_on()

    def take_off(self, why: str) -> None:
        self.wanted = ""
        self.why = why
        if self.is_on:
            self.is_on = False
            _guard.guarded(f"patch {self.name}", None, self.patch.uninstall)

    def _install(self) -> bool:
        if self.patch is None:
            self.patch = _made(self.name)
        try:
            self.patch.install()
        except (ValueError, ImportError) as error:
            self.why = str(error)
            return False
        return True

    def tell(self) -> PatchState:
        patch = self.patch
        if self.why.startswith(WAITING) and self.wanted and self.target in sys.modules:
            self.put_on()  # nobody has told us: it has no code of its own that could be executed
        why = getattr(patch, "why_off", "") or self.why
        return PatchState(
            name=self.name,
            target=self.target,
            version=version_of(self.target, getattr(patch, "distribution", None)),
            state="waiting" if why.startswith(WAITING) else "off" if why else "on",
            why=why,
            callables=getattr(patch, "owners", {}),
            calls=getattr(patch, "calls", 0),
            faults=getattr(patch, "faults", 0),
            nanoseconds=getattr(patch, "nanoseconds", None),
        )


_entries: dict[str, _Entry] = {}
_awaited: set[str] = set()
_start: Callable[..., Any] | None = None


def select(given: Iterable[Any], *, defaults: bool) -> dict[str, Any]:
    """The patches that `init` was told to apply, by name; `None` for one as it comes. Raises `BadOption`."""
    chosen: dict[str, Any] = {name: None for name in KNOWN if name not in ON_REQUEST} if defaults else {}
    for one in given:
        if not isinstance(one, str):
            chosen[getattr(one, "name", "") or type(one).__name__] = one
        elif one in KNOWN:
            chosen[one] = None
        else:
            raise BadOption(f"integrations={one!r} cannot be used: there are patches for {', '.join(sorted(KNOWN))}")
    return chosen


def settle(chosen: Mapping[str, Any], start: Callable[..., Any]) -> None:
    """Apply these patches, and take off those that a former `init` applied and this one does not want.

    `start` is what a child process is to call to be configured like this one: `init`.
    """
    global _start
    _start = start
    for name, entry in list(_entries.items()):
        if entry.wanted == "init" and name not in chosen:
            entry.take_off("not asked for by the last init")
    for name, patch in chosen.items():
        _put_on(name, patch, "init")


def starter() -> Callable[..., Any] | None:
    """What configures a child process like this one; `None` before `init`."""
    return _start


def apply(names: Iterable[str]) -> None:
    """Apply patches by name, at once or when their library is imported. Raises `ValueError` for an unknown name."""
    for name in _checked(names or sorted({*KNOWN, *_entries} - ON_REQUEST)):
        _put_on(name, None, "patch")


def remove(names: Iterable[str]) -> None:
    """Take patches off by name; the libraries are as they were. Raises `ValueError` for an unknown name."""
    for name in _checked(names):
        if name in _entries:
            _entries[name].take_off("taken off by unpatch")


def listing() -> list[PatchState]:
    """Every patch there is, by name."""
    for name in KNOWN:
        if name not in _entries:
            _guard.guarded(f"patch {name}", None, _entry, name, None)
    return [_entries[name].tell() for name in sorted(_entries)]


def _checked(names: Iterable[str]) -> list[str]:
    wanted = list(names) or sorted({*KNOWN, *_entries})
    for name in wanted:
        if name not in KNOWN and name not in _entries:
            raise ValueError(f"there is no patch {name!r}; there are {', '.join(sorted(KNOWN))}")
    return wanted


def _put_on(name: str, patch: Patch | None, by: str) -> None:
    entry = _guard.guarded(f"patch {name}", None, _entry, name, patch, keep=by == "patch")
    if entry is not None:
        entry.wanted = by
        entry.put_on()


def _entry(name: str, patch: Patch | None, *, keep: bool = True) -> _Entry:
    """The entry of a name; a patch that is configured otherwise than the one that stands there takes its place."""
    entry = _entries.get(name)
    if entry is not None:
        if patch is entry.patch or (patch is None and (keep or not entry.is_configured)):
            return entry
        entry.take_off("replaced")
    entry = _entries[name] = _Entry(name, patch, is_configured=patch is not None)
    return entry


def _made(name: str) -> Any:
    module, kind = KNOWN[name]
    return getattr(importlib.import_module(f".{module}", __package__), kind)()


def _await(module: str) -> None:
    """Be told whenever `module` is imported from now on. The import itself is never disturbed."""
    if module not in _awaited and module not in sys.builtin_module_names:
        _awaited.add(module)
        listen(module, lambda: _imported(module), lambda error: _not_imported(module, error))


def _imported(module: str) -> None:
    for entry in list(_entries.values()):
        if entry.target == module and entry.wanted and entry.is_ours:
            entry.renew()


def _not_imported(module: str, error: BaseException) -> None:
    for entry in list(_entries.values()):
        if entry.target == module and entry.why.startswith(WAITING):
            entry.why = f"{WAITING}; the last import failed: {type(error).__name__}"
