"""Who we are: the name and version that we give to servers, and what else is installed."""

from __future__ import annotations

import os
import sys
from functools import cache

__all__ = ["DISTRIBUTION", "SDK_NAME", "client_name", "installed_modules", "version"]

DISTRIBUTION = "instrument-traces"
SDK_NAME = "instrument.python"

_folders = sys.path  # which `sys` has no more at the end of the interpreter


def version() -> str:
    """The installed version of this package; "0" where it runs without being installed."""
    return installed_modules().get(DISTRIBUTION, "0")


def client_name() -> str:
    """Name and version in one word, as the header `User-Agent` has it."""
    return f"{SDK_NAME}/{version()}"


@cache
def installed_modules() -> dict[str, str]:
    """The installed distributions, lower-case name to version, as the names of their folders tell them.

    Reading each one's metadata would take a tenth of a second in the thread that captures the first error.
    """
    found: dict[str, str] = {}
    for folder in sys.path or _folders:
        try:
            entries = os.listdir(folder or ".")
        except OSError:
            continue
        for entry in entries:
            stem, ending = os.path.splitext(entry)
            name, _, installed = stem.partition("-")
            if ending == ".dist-info" and installed:
                found.setdefault(name.lower().replace("_", "-"), installed)
    return found
