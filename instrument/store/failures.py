"""What a question to the store or a batch for it can end in, besides an answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["AmbiguousTrace", "StoreBusy", "StoreDamaged", "StoreError", "StoreFailed", "translated"]

BUSY = ("locked", "busy")
DAMAGED = ("not a database", "malformed")


class StoreError(Exception):
    """The common base. The message is one line, fit for a user."""


class StoreBusy(StoreError):
    """Another process has its turn. Nothing was written; the same batch will do later."""


class StoreFailed(StoreError):
    """The disk is full or broken, the file is not ours to use, or a newer version has written it."""


class StoreDamaged(StoreFailed):
    """The file is not, or is no longer, a sound database."""


class AmbiguousTrace(StoreError, LookupError):
    """Several traces begin with the characters given. `matches` holds some of their ids."""

    def __init__(self, prefix: str, matches: tuple[str, ...]) -> None:
        super().__init__(f"several traces begin with {prefix}: {', '.join(matches)}")
        self.prefix = prefix
        self.matches = matches


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raise what SQLite and the system say about `path` as one of the exceptions above."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if any(word in text for word in DAMAGED):
            raise StoreDamaged(f"{path} is damaged: {text}") from error
        kind = StoreBusy if any(word in text for word in BUSY) else StoreFailed
        raise kind(f"{path}: {text}") from error
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror or error}") from error
