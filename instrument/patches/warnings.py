"""warnings: each that is shown becomes an event. Only when asked for: `init(integrations=["warnings"])`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..recording import capture_error, capture_text, text
from .patch import Around, LibraryPatch

__all__ = ["Warnings"]


class Warnings(LibraryPatch):
    """Warnings that the program's filters let through."""

    name = "warnings"

    def hooks(self) -> Iterable[Around]:
        """What shows a warning."""
        return (Around("showwarning", _shown),)


def _shown(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    warning = args[0] if args else kwargs.get("message")
    if isinstance(warning, Warning):
        capture_error(warning, mechanism="warnings", level="warning", once=True)
    elif warning is not None:
        capture_text(text(warning), "warning")
