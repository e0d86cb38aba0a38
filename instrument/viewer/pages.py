"""The files that make the page: read once, by a fixed table; no path that is asked for ever reaches the disk."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from .answer import Answer

__all__ = ["FILES", "read_pages"]

KINDS: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

FILES: Final = (
    "page.html",
    "icon.svg",
    "page.css",
    "list.css",
    "trace.css",
    "waterfall.css",
    "details.css",
    "page.js",
    "answers.js",
    "build.js",
    "crumbs.js",
    "details.js",
    "failure.js",
    "list.js",
    "poll.js",
    "trace.js",
    "tree.js",
    "values.js",
    "waterfall.js",
    "words.js",
)


def read_pages() -> dict[str, Answer]:
    """Each file's answer, by its name."""
    folder = files(__package__ or "") / "static"
    return {name: Answer(200, KINDS[name.rpartition(".")[2]], (folder / name).read_bytes()) for name in FILES}
