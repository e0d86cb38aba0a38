"""The file that starts us with every Python program of an environment, if the program's environment asks for it.

Python's `site` runs the line of a `.pth` file in site-packages whenever it starts, also with -E and -I, and before the
user's own `sitecustomize`; only -S switches it off. The line asks for one variable and does nothing without it.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Final

__all__ = ["AUTO", "install", "place", "remove"]

AUTO: Final = "INSTRUMENT_AUTO"
NAME: Final = "zz_instrument_startup.pth"
"""Last in the alphabet: other files may add the folders in which packages are."""

# A package that is gone is silent, and whatever else is wrong is one line: this runs in the start of every program.
# In a virtual environment `site` reads each file twice.
STATEMENTS: Final = """\
import sys
if not hasattr(sys, "_instrument_started"):
    sys._instrument_started = True
    try:
        from instrument.cli.begin import begin
        begin()
    except Exception as error:
        if getattr(error, "name", "") != "instrument":
            print(f"instrument: not started: {type(error).__name__}: {error}", file=sys.stderr)
"""
LINE: Final = f'import os; os.environ.get("{AUTO}") == "1" and exec({STATEMENTS!r}, {{}})\n'


def place() -> Path:
    """Where the file is, or would be: the site-packages of the interpreter that runs this."""
    return Path(sysconfig.get_path("purelib"), NAME)


def install() -> Path:
    """Write the file, in one step: no program that starts meanwhile sees half a line. Raises `OSError`."""
    path = place()
    unfinished = path.with_name(f"{NAME}.{os.getpid()}")
    try:
        unfinished.write_text(LINE, encoding="ascii")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def remove() -> bool:
    """Take the file away; whether it was there. Raises `OSError`."""
    path = place()
    if not path.exists():
        return False
    path.unlink()
    return True
