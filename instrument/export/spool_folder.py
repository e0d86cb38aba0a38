"""Folders of the spool: private to their owner, opened once, and worked in by descriptor.

What lies where a folder or file of ours belongs, and is a link, somebody else's or open to others, is refused.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..options import state_folder
from .descriptors import aside, close
from .file_lock import try_lock

__all__ = ["LOCK", "Folder", "Refused", "folder_name", "publish", "read_at", "write_at"]

LOCK: Final = "lock"
PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600
# Windows has neither these flags nor owners and modes that mean anything.
NO_TRICKS: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
HAS_FOLDER_DESCRIPTORS: Final = os.open in os.supports_dir_fd
user_id: Callable[[], int | None] = getattr(os, "getuid", lambda: None)


class Refused(OSError):
    """Something that lies where a folder or file of the spool belongs cannot be trusted."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(errno.EPERM, reason, path)

    def __str__(self) -> str:
        return f"{self.filename} {self.strerror}"


class Folder:
    """One open folder. Names are relative to it, so nobody can exchange it under way."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def at(cls, path: Path, *, make: bool, writable_by_others: int = 0o022) -> Folder:
        """Open the folder at `path`, made first when it is missing and `make` is set."""
        if make and not path.is_dir():
            # The folder of ours that holds it is private; one that a program names is made as others are.
            mode = PRIVATE_FOLDER if path.parent == state_folder() else 0o777
            path.parent.mkdir(mode, parents=True, exist_ok=True)
            _make(path, None)
        return _opened(path, path, None, writable_by_others)

    def folder(self, name: str, *, make: bool = False) -> Folder:
        """Open the folder `name` inside this one."""
        path = self.path / name
        if make:
            _make(path if not HAS_FOLDER_DESCRIPTORS else Path(name), self._base)
        return _opened(path, self._name(name), self._base, 0o077)

    def create(self, name: str, flags: int = os.O_RDWR) -> int:
        """Make a new private file and open it."""
        flags |= os.O_CREAT | os.O_EXCL | NO_TRICKS
        descriptor = aside(os.open(self._name(name), flags, PRIVATE_FILE, dir_fd=self._base))
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, PRIVATE_FILE)
        return descriptor

    def open(self, name: str, flags: int = os.O_RDWR) -> int:
        """Open a file that exists, if it is a plain one, ours, private, and has no second name."""
        descriptor = aside(os.open(self._name(name), flags | NO_TRICKS, dir_fd=self._base))
        found = os.fstat(descriptor)
        wrong = None
        if not stat.S_ISREG(found.st_mode):
            wrong = "is not a plain file"
        elif found.st_nlink > 1:
            wrong = "has a second name"
        else:
            wrong = _distrust(found, 0o077)
        if wrong is not None:
            close(descriptor)
            raise Refused(str(self.path / name), wrong)
        return descriptor

    def open_or_create(self, name: str) -> int:
        """Open a private file for reading and writing, made when it is missing."""
        try:
            return self.open(name)
        except FileNotFoundError:
            return self.create(name)

    def names(self) -> list[str]:
        """The names inside, in no order."""
        return os.listdir(self.path if self._base is None else self._base)

    def stat(self, name: str) -> os.stat_result:
        """What the system knows of an entry, without following a link."""
        return os.stat(self._name(name), dir_fd=self._base, follow_symlinks=False)

    def rename(self, name: str, to: str) -> None:
        """Give an entry another name."""
        os.rename(self._name(name), self._name(to), src_dir_fd=self._base, dst_dir_fd=self._base)

    def unlink(self, name: str) -> None:
        """Remove a file; one that is already gone is fine."""
        try:
            os.unlink(self._name(name), dir_fd=self._base)
        except FileNotFoundError:
            pass

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(self._name(name), dir_fd=self._base)

    def holds(self, name: str, descriptor: int) -> bool:
        """Whether the open file is the one that has this name now."""
        try:
            return os.path.samestat(os.stat(self._name(name), dir_fd=self._base), os.fstat(descriptor))
        except OSError:
            return False

    def changed(self) -> int:
        """When an entry came or went last: nanoseconds since 1970-01-01 UTC."""
        return os.stat(self.path if self._base is None else self._base).st_mtime_ns

    def free_share(self) -> tuple[int, float]:
        """How much room the disk has left for us: bytes, and the share of the whole."""
        if not hasattr(os, "statvfs"):
            return 1 << 62, 1.0
        disk = os.statvfs(self.path if self._base is None else self._base)
        return disk.f_bavail * disk.f_frsize, disk.f_bavail / max(1, disk.f_blocks)

    def again(self) -> Folder:
        """The same folder with a descriptor of its own."""
        return Folder(self.path, aside(os.dup(self._descriptor)) if HAS_FOLDER_DESCRIPTORS else -1)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the descriptor."""
        descriptor, self._descriptor = self._descriptor, -1
        close(descriptor)

    @property
    def _base(self) -> int | None:
        return self._descriptor if HAS_FOLDER_DESCRIPTORS else None

    def _name(self, name: str) -> str:
        return name if HAS_FOLDER_DESCRIPTORS else str(self.path / name)


def folder_name(destination: str) -> str:
    """The folder of a destination in the spool. It does not tell which destination that is."""
    return hashlib.sha256(destination.encode(errors="backslashreplace")).hexdigest()[:16]


def publish(parent: Folder, name: str) -> tuple[Folder, int]:
    """Make a folder whose lock is held from the first moment that others can see it; return it and the lock."""
    hidden = "." + name
    folder = parent.folder(hidden, make=True)
    lock = -1
    try:
        lock = folder.create(LOCK)
        if not try_lock(lock):
            raise Refused(str(folder.path), "is locked by somebody else")
        parent.rename(hidden, name)
    except BaseException:
        try:
            folder.unlink(LOCK)
            parent.rmdir(hidden)
        except OSError:
            pass
        folder.close()
        close(lock)
        raise
    folder.path = parent.path / name
    return folder, lock


if hasattr(os, "pread"):
    read_at = os.pread

    def write_at(descriptor: int, content: bytes, offset: int) -> None:
        """Write at an offset with one call."""
        os.pwrite(descriptor, content, offset)

else:

    def read_at(descriptor: int, size: int, offset: int, /) -> bytes:
        """Read at an offset."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)

    def write_at(descriptor: int, content: bytes, offset: int) -> None:
        """Write at an offset."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        os.write(descriptor, content)


def _make(path: Path, base: int | None) -> None:
    try:
        os.mkdir(path, PRIVATE_FOLDER, dir_fd=base)
    except FileExistsError:
        return
    if os.stat(path, dir_fd=base, follow_symlinks=False).st_mode & PRIVATE_FOLDER != PRIVATE_FOLDER:
        # The umask took away what we need ourselves.
        os.chmod(path, PRIVATE_FOLDER, dir_fd=base)


def _opened(path: Path, name: str | Path, base: int | None, forbidden: int) -> Folder:
    if not HAS_FOLDER_DESCRIPTORS:
        if path.is_symlink() or not path.is_dir():
            raise Refused(str(path), "is not a folder")
        return Folder(path, -1)
    try:
        descriptor = aside(os.open(name, os.O_RDONLY | os.O_DIRECTORY | NO_TRICKS, dir_fd=base))
    except NotADirectoryError:
        raise Refused(str(path), "is not a folder, or a link to one") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused(str(path), "is a link") from None
        raise
    wrong = _distrust(os.fstat(descriptor), forbidden)
    if wrong is not None:
        close(descriptor)
        raise Refused(str(path), wrong)
    return Folder(path, descriptor)


def _distrust(found: os.stat_result, forbidden: int) -> str | None:
    if user_id() is None:
        return None
    if found.st_uid != user_id():
        return "belongs to another user"
    if found.st_mode & forbidden:
        return f"is open to other users (mode {stat.S_IMODE(found.st_mode):o})"
    return None
