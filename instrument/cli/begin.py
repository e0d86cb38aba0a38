"""What makes a program traced that says nothing of us itself: `init` from the environment, and functions by name."""

from __future__ import annotations

import os
import sys
from typing import Final

from .. import _guard
from ..errors import BadOption
from ..patches import note_begin, trace_by_name
from ..recording import HUB
from ..startup import init

__all__ = ["TRACE", "begin"]

TRACE: Final = "INSTRUMENT_TRACE"
"""The variable with the names of the functions to trace, with commas between them."""


def begin() -> None:
    """Configure this process as the environment says, once. Whatever goes wrong is said, and the program starts."""
    if not HUB.is_recording:
        _guard.guarded("start", None, _begin)


def _begin() -> None:
    try:
        init()
    except BadOption as error:
        print(f"instrument: {error}; the program runs without being traced", file=sys.stderr)
        return
    note_begin()
    names = [name.strip() for name in os.environ.get(TRACE, "").split(",")]
    if any(names):
        trace_by_name(filter(None, names))
