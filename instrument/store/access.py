"""Whose file it is: folders 0700 and files 0600 whatever the umask, nothing reached through somebody else's link."""

from __future__ import annotations

import os
import stat

from .failures import StoreFailed

__all__ = ["create_private", "prepare_file", "prepare_folder"]

BESIDE = ("-wal", "-shm", "-journal", ".lock")
"""What SQLite and we keep beside the file."""

FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def prepare_folder(folder: str) -> None:
    """Make the folder if it is missing; StoreFailed when others could reach into it."""
    if not os.path.lexists(folder):
        parent = os.path.dirname(folder)
        if parent:
            os.makedirs(parent, mode=0o700, exist_ok=True)
        try:
            os.mkdir(folder, 0o700)
            os.chmod(folder, 0o700)
        except FileExistsError:
            pass
    if not hasattr(os, "getuid"):
        return
    for about in (os.lstat(folder), os.stat(folder)):
        if about.st_uid not in (os.getuid(), 0):
            raise StoreFailed(f"{folder} belongs to another user; traces are kept only in a folder of your own")
    if about.st_mode & stat.S_IWOTH:
        raise StoreFailed(f"{folder} can be written by every user; traces are kept only in a folder of your own")


def prepare_file(path: str) -> None:
    """Make the file `path` if it is missing; StoreFailed when it, or what stands beside it, is not ours."""
    for suffix in BESIDE:
        _check_file(path + suffix)
    # Never open the file itself when it exists: closing it again would drop the locks SQLite holds on it.
    if not _check_file(path):
        create_private(path)


def create_private(path: str) -> None:
    """Begin an empty file that only its owner can read and write."""
    try:
        descriptor = os.open(path, FLAGS, 0o600)
    except FileExistsError:
        _check_file(path)
        return
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _check_file(path: str) -> bool:
    """Whether `path` exists; StoreFailed if it is not a plain file of ours."""
    try:
        about = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(about.st_mode):
        raise StoreFailed(f"{path} is not a plain file; links and devices are not followed")
    if hasattr(os, "getuid") and about.st_uid != os.getuid():
        raise StoreFailed(f"{path} belongs to another user")
    if about.st_mode & 0o077 and os.name == "posix":
        os.chmod(path, 0o600)
    return True
