"""Which files are indexed: sources of the standard library that this Python came with, some from every package."""

from __future__ import annotations

import os
import sys
import sysconfig
import tokenize
from itertools import zip_longest
from pathlib import Path
from typing import Final

import attrs

__all__ = ["LIBRARY", "Batch", "choose", "short_name", "undecodable"]

LIBRARY: Final = Path(sysconfig.get_path("stdlib"))
BATCH_SIZE: Final = 3
LEFT_OUT: Final = {"__pycache__", "dist-packages", "idle_test", "site-packages", "test", "tests"}


@attrs.frozen
class Batch:
    """Files that are indexed together, as one unit of work."""

    name: str
    paths: tuple[Path, ...]


def choose(count: int) -> list[Batch]:
    """Batches of about `count` files: first some of every package, then more of each. One file is no valid source."""
    # The test data of the module tokenize has sources that nobody can decode. One of them keeps it company here.
    chosen = [Batch("tokenize", (LIBRARY / "tokenize.py", undecodable(LIBRARY), LIBRARY / "codecs.py"))]
    left = count - len(chosen[0].paths)
    for batch in _some_of_each(LIBRARY):
        if left <= 0:
            break
        paths = batch.paths[:left]
        chosen.append(Batch(batch.name, paths))
        left -= len(paths)
    return chosen


def undecodable(library: Path) -> Path:
    """A file that cannot be read as Python source."""
    for path in sorted((library / "test").rglob("bad*.py"), reverse=True):
        try:
            with tokenize.open(path) as file:
                file.read()
        except (SyntaxError, UnicodeError):
            return path
    # Some distributions leave the tests out. The interpreter itself is no source in any encoding either.
    return Path(sys.executable)


def short_name(path: Path) -> str:
    """The path as seen from the standard library: `json/decoder.py`."""
    return path.relative_to(LIBRARY).as_posix() if path.is_relative_to(LIBRARY) else path.name


def _some_of_each(library: Path) -> list[Batch]:
    """All files in batches: the first batch of every package, then the second of every package, and so on."""
    packages = [_batches(folder, names) for folder, names in _packages(library)]
    return [batch for round_ in zip_longest(*packages) for batch in round_ if batch is not None]


def _packages(library: Path) -> list[tuple[Path, list[str]]]:
    found = []
    for folder, folders, names in os.walk(library):
        folders[:] = sorted(name for name in folders if name.isidentifier() and name not in LEFT_OUT)
        found.append((Path(folder), sorted(name for name in names if name.endswith(".py"))))
    return found


def _batches(folder: Path, names: list[str]) -> list[Batch]:
    starts = range(0, len(names), BATCH_SIZE)
    return [Batch(short_name(folder), tuple(folder / name for name in names[at : at + BATCH_SIZE])) for at in starts]
