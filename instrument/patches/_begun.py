"""What was begun in this process without a line of its program's. A child process that starts anew gets the same."""

from __future__ import annotations

from typing import Any
from weakref import ref

from ..recording import HUB

__all__ = ["is_by_environment", "names_traced", "note_begin", "note_name"]

_names: dict[str, None] = {}
_begun: ref[Any] | None = None


def note_name(name: str) -> None:
    """Remember that the function of this name is traced."""
    _names[name] = None


def names_traced() -> tuple[str, ...]:
    """The names that were given so far."""
    return tuple(_names)


def note_begin() -> None:
    """Remember that the present client was configured by the environment, and by nobody's call of `init`."""
    global _begun
    _begun = ref(HUB.client)


def is_by_environment() -> bool:
    """Whether the present client is that one: whoever says more of how to configure the process is right."""
    return _begun is not None and HUB.client is _begun()
