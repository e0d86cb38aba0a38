"""A transport that appends each body to a file, with one write that no other process can cut in two."""

from __future__ import annotations

import os

from .base import Answer

__all__ = ["FileTransport"]

FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


class FileTransport:
    """Appends to `path`, which is opened at the first body and made readable by its owner only if it is new."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._file: int | None = None

    def send(self, body: bytes) -> Answer:
        """Append `body`. A file that cannot be written now is a reason to try again later."""
        try:
            if self._file is None:
                self._file = os.open(self._path, FLAGS, 0o600)
            written = os.write(self._file, body)
        except OSError as error:
            return Answer("unreachable", detail=f"cannot write {self._path}: {error.strerror}")
        if written < len(body):
            return Answer("unreachable", detail=f"{self._path} took {written} of {len(body)} bytes")
        return Answer("accepted")

    def __reduce__(self) -> tuple[type[FileTransport], tuple[str]]:
        return FileTransport, (self._path,)  # an open file is this process's own

    def close(self) -> None:
        """Close the file; the next body opens it again."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
