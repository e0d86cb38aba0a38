"""Where it ran: interpreter, machine, release. Worked out once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Final

from .._version import SDK_NAME, installed_modules, version
from ..options import Options
from ..recording import ErrorEvent, Event

__all__ = ["Runtime"]

_NAMES: Final = {"cpython": "CPython", "pypy": "PyPy"}
"""As the module `platform` has them, which costs a millisecond to import."""

_OF_ITEM: Final = ("release", "environment", "dist", "server_name")


class Runtime:
    """Fills in what is the same for every item of this process."""

    def __init__(self, options: Options, clean: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> None:
        # What never changes is cleaned here, once, and not with each item.
        own = clean({name: getattr(options, name) for name in _OF_ITEM})
        self._of_item = tuple(own[name] for name in _OF_ITEM)
        self._runtime = clean(
            {
                "name": _NAMES.get(sys.implementation.name, sys.implementation.name),
                "version": sys.version.split()[0],
                "build": sys.version.partition("\n")[0],
            }
        )
        self._process = clean({"service": options.service_name} if options.service_name else {})
        self._sdk: dict[str, Any] | None = None
        self._modules: dict[str, str] | None = None

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event:
        """The item with its release, environment, machine, process, runtime and SDK."""
        release, environment, dist, server_name = self._of_item
        item.release = item.release or release
        item.environment = item.environment or environment
        item.dist = item.dist or dist
        item.server_name = item.server_name or server_name
        item.sdk = item.sdk or self._own()
        contexts = item.contexts
        if "runtime" not in contexts:
            contexts["runtime"] = self._runtime.copy()
        if "process" not in contexts:
            contexts["process"] = {"pid": os.getpid(), **self._process}
        if isinstance(item, ErrorEvent) and not item.modules:
            if self._modules is None:
                self._modules = installed_modules()
            item.modules = self._modules
        return item

    def _own(self) -> dict[str, Any]:
        if self._sdk is None:
            self._sdk = {"name": SDK_NAME, "version": version()}
        return self._sdk
