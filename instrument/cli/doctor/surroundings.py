"""What this Python is, what is installed beside us, and how processes are made here. Needs no configuration."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from ..._version import version as own_version
from .finding import Finding, ok, warning

__all__ = ["look_at_processes", "look_at_python", "look_at_tracers"]

REQUIRED: Final = ("attrs", "msgspec", "requests", "wrapt")
TRACERS: Final = {
    "sentry_sdk": "sentry-sdk",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "ddtrace": "ddtrace",
    "newrelic": "newrelic",
    "elasticapm": "elastic-apm",
}
"""The module of another tool, and what it is called where it is published."""
SERVERS: Final = {"gunicorn": "gunicorn", "celery": "celery", "uvicorn": "uvicorn"}
START_METHODS: Final = {
    "fork": "a child goes on with the configuration of its parent",
    "forkserver": "a child is a new interpreter, which has to call init itself",
    "spawn": "a child is a new interpreter, which has to call init itself",
}


def look_at_python() -> Iterator[Finding]:
    """Versions of Python and of the packages that we need, and the extra for the terminal."""
    found = {name: _version(name) for name in REQUIRED}
    libraries = ", ".join(f"{name} {number or 'of unknown version'}" for name, number in found.items())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield ok("python", f"{python}, {sys.executable or 'inside another program'}")
    yield ok("package", f"instrument {own_version()} with {libraries}")
    if not _is_there("rich"):
        yield warning(
            "package",
            "the package rich is missing, which `instrument list` and `instrument show` draw with",
            "Install it: pip install 'instrument-traces[cli]'",
        )


def look_at_processes() -> Iterator[Finding]:
    """How child processes begin, and servers that make them."""
    method = multiprocessing.get_all_start_methods()[0]
    yield ok("processes", f"multiprocessing starts by {method}: {START_METHODS[method]}")
    servers = [f"{name} {_version(name) or ''}".strip() for name, module in SERVERS.items() if _is_there(module)]
    if servers:
        yield ok("processes", f"{', '.join(servers)}: forked workers deliver for themselves, nothing is to be set")
    if _has_uwsgi() and not _uwsgi_has_threads():
        yield warning(
            "processes",
            "uWSGI runs no thread of Python unless it is told to, so what its workers record waits on disk",
            "Start it with --enable-threads and --py-call-uwsgi-fork-hooks",
        )


def look_at_tracers() -> Iterator[Finding]:
    """Other tools that record and send."""
    active, idle = [], []
    for module, name in TRACERS.items():
        label = f"{name} {_version(name) or ''}".strip()
        if module in sys.modules:
            active.append(label)
        elif _is_there(module):
            idle.append(label)
    if active:
        yield warning(
            "tracers",
            f"at work in this Python already, without any program: {', '.join(active)}",
            "Both tools record then; take out one of them, or live with every request in both",
        )
    if idle:
        yield ok("tracers", f"installed: {', '.join(idle)}; a program that starts one of them is recorded by both")
    if not active and not idle:
        yield ok("tracers", "no other tool is installed")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _has_uwsgi() -> bool:
    return "uwsgi" in sys.modules or shutil.which("uwsgi") is not None


def _uwsgi_has_threads() -> bool:
    names = ("UWSGI_ENABLE_THREADS", "UWSGI_THREADS")
    return any(os.environ.get(name, "") not in ("", "0", "false") for name in names)
