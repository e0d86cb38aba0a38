"""Where it ran: interpreter, machine, release. Worked out once."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

from .._version import SDK_NAME, installed_modules, version
from ..options import Options
from ..recording import ErrorEvent, Event

__all__ = ["Runtime"]


class Runtime:
    """Fills in what is the same for every item of this process."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._runtime = {
            "name": platform.python_implementation(),
            "version": platform.python_version(),
            "build": sys.version.partition("\n")[0],
        }
        self._sdk: dict[str, Any] | None = None
        self._modules: dict[str, str] | None = None

    def __call__(self, item: Event, hint: dict[str, Any]) -> Event:
        """The item with its release, environment, machine, process, runtime and SDK."""
        options = self._options
        item.release = item.release or options.release
        item.environment = item.environment or options.environment
        item.dist = item.dist or options.dist
        item.server_name = item.server_name or options.server_name
        item.sdk = item.sdk or self._own()
        item.contexts.setdefault("runtime", dict(self._runtime))
        process: dict[str, Any] = {"pid": os.getpid()}
        if options.service_name:
            process["service"] = options.service_name
        item.contexts.setdefault("process", process)
        if isinstance(item, ErrorEvent) and not item.modules:
            if self._modules is None:
                self._modules = installed_modules()
            item.modules = self._modules
        return item

    def _own(self) -> dict[str, Any]:
        if self._sdk is None:
            self._sdk = {"name": SDK_NAME, "version": version()}
        return self._sdk
