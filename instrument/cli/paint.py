"""Lines of styled text as what is written to a terminal or a file."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

__all__ = ["painted"]


def painted(lines: Iterable[Text], width: int, color: bool) -> str:
    """The lines, with the terminal's own sixteen colours or plain, and nothing at their ends."""
    target = io.StringIO()
    console = Console(
        file=target,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for line in lines:
        line.rstrip()
        console.print(line, soft_wrap=True)
    return target.getvalue()
