"""What the checks look at, and what they may say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs

from ...client import Client
from ...options import Options
from ..witness import Way
from .finding import Finding

__all__ = ["Case", "Check"]


@attrs.frozen
class Case:
    """A process configured as the environment says."""

    options: Options
    names: tuple[object, ...]
    """The destinations, as the options name them."""
    ways: list[Way]
    """Those that are reached through the spool."""
    client: Client
    timeout: float
    """Seconds to wait for the answer to the span."""


Check: TypeAlias = Callable[[Case], Iterator[Finding]]
"""Looks at one thing and says what it finds, as it finds it."""
