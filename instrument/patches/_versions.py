"""Which version of a library this is, and whether a patch is made for it."""

from __future__ import annotations

import re
import sys

__all__ = ["misfit", "version_of"]

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def version_of(module: str, distribution: str | None = None) -> str | None:
    """The version of the library that `module` belongs to, if that has been imported and tells one.

    Modules of the standard library have Python's.
    """
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return sys.version.split()[0]
    if top not in sys.modules:
        return None
    told = getattr(sys.modules[top], "__version__", None)
    if isinstance(told, str):
        return told
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution or top)
    except PackageNotFoundError:
        return None


def misfit(version: str | None, oldest: tuple[int, ...], below: tuple[int, ...]) -> str:
    """Why a patch for versions from `oldest` on, and before `below`, does not fit; empty where it does.

    An empty bound is none. A version that nobody tells fits: what is missing is noticed when the patch is put on.
    """
    found = _NUMBERS.match(version or "")
    if found is None:
        return ""
    numbers = (*map(int, found[0].split(".")), 0, 0)
    if oldest and numbers < oldest:
        return f"version {version} is too old: the patch is made for {_written(oldest)} and later"
    if below and numbers >= below:
        return f"version {version} is too new: the patch is made for versions before {_written(below)}"
    return ""


def _written(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
