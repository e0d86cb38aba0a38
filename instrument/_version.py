"""Who we are: the name and version that we give to servers, and what else is installed."""

from __future__ import annotations

from functools import cache

__all__ = ["DISTRIBUTION", "SDK_NAME", "client_name", "installed_modules", "version"]

DISTRIBUTION = "instrument-traces"
SDK_NAME = "instrument.python"


@cache
def version() -> str:
    """The installed version of this package; "0" where it runs without being installed."""
    from importlib import metadata

    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0"


def client_name() -> str:
    """Name and version in one word, as the header `User-Agent` has it."""
    return f"{SDK_NAME}/{version()}"


def installed_modules() -> dict[str, str]:
    """The installed distributions: lower-case name to version."""
    from importlib import metadata

    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found[name.lower()] = distribution.version
    return found
