"""Tells when a module has been imported: before anybody else gets hold of it, and each time its code is executed anew.

wrapt can tell that too; importing it would be a quarter of what `init` costs, in programs that have nothing to patch.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

from .. import _guard

__all__ = ["listen"]


def listen(module: str, arrived: Callable[[], Any], failed: Callable[[BaseException], Any] | None = None) -> None:
    """Call `arrived` whenever `module` has been imported from now on, and `failed` when its import fails.

    Faults of either are ours: the import itself is never disturbed.
    """
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    _FINDER.listeners.setdefault(module, []).append((arrived, failed))


class _Finder:
    """Asks the other finders for the modules that are listened for, and stands between these and their loaders."""

    def __init__(self) -> None:
        self.listeners: dict[str, list[tuple[Callable[[], Any], Callable[[BaseException], Any] | None]]] = {}
        self._asking: set[tuple[int, str]] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        key = get_ident(), name
        # A finder that looks through `sys.meta_path` itself, as this one does, comes back to us.
        if name not in self.listeners or key in self._asking:
            return None
        self._asking.add(key)
        try:
            spec: Any = _first_of_others(self, name, path, target)
        finally:
            self._asking.discard(key)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, self.listeners[name])
        return spec


def _first_of_others(one: Any, name: str, path: Any, target: Any) -> Any:
    for finder in list(sys.meta_path):
        find = None if finder is one else getattr(finder, "find_spec", None)
        spec = None if find is None else find(name, path, target)
        if spec is not None:
            return spec
    return None


class _Loader:
    """A loader that says when it is done. The module sees the real one, and so does whoever asks this one for more."""

    def __init__(self, loader: Any, listeners: list[Any]) -> None:
        self._loader = loader
        self._listeners = listeners

    def create_module(self, spec: ModuleSpec) -> Any:
        create = getattr(self._loader, "create_module", None)
        return None if create is None else create(spec)

    def exec_module(self, module: Any) -> None:
        for owner, name in ((module.__spec__, "loader"), (module, "__loader__")):
            if getattr(owner, name, None) is self:
                setattr(owner, name, self._loader)
        try:
            self._loader.exec_module(module)
        except BaseException as error:
            for _, failed in self._listeners:
                if failed is not None:
                    _guard.guarded(f"import of {module.__name__}", None, failed, error)
            raise
        for arrived, _ in list(self._listeners):
            _guard.guarded(f"import of {module.__name__}", None, arrived)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


_FINDER = _Finder()
