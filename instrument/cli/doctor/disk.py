"""What is kept on disk: the folders, what waits in the spool, and the local store."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ... import _clock
from ...export import folder_name
from ...export.spool_survey import Heap, survey
from ...options import state_folder
from ...store import StoreError
from ...store.reading import Reader
from ..waiting import Waiting, size, spool_folder
from .case import Case
from .finding import Finding, ok, problem, warning

__all__ = ["look_at_folders", "look_at_spool", "look_at_store"]

LEAST_SHARE: Final = 0.05
LEAST_BYTES: Final = 1 << 30
"""With less free than both the spool keeps to memory."""
REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs"})
FIXED_SQLITE: Final = (3, 51, 3)
QUIET_SECONDS: Final = 120.0


def look_at_folders(case: Case) -> Iterator[Finding]:
    """Whether our folders are there or can be made, are ours alone, and have room."""
    folders = {"state folder": state_folder().absolute(), "spool folder": spool_folder(case.options)}
    for name, path in folders.items():
        yield _folder(name.split()[0], name, path)
    yield _room(_existing(folders["spool folder"]))


def look_at_spool(case: Case) -> Iterator[Finding]:
    """What waits to be delivered."""
    root = spool_folder(case.options)
    heaps = survey(root)
    for way in case.ways:
        mine = [heap for heap in heaps if heap.destination == folder_name(way.key)]
        dead = [heap for heap in mine if heap.is_dead]
        if dead:
            yield _waiting(Waiting(dead).told(), dead, way.kind)
        for heap in mine:
            if heap.trouble:
                text = f"{heap.path} {heap.trouble}, so nothing in it is delivered"
                yield warning("spool", text, f"Remove it, or do: chmod 700 {heap.path}")
        living = [heap for heap in mine if not heap.is_dead and not heap.trouble]
        if living:
            yield ok("spool", f"{_processes(living)} at work for {way.kind}, with files of {_bytes(living)}")
        yield from _refused(root / folder_name(way.key) / "rejected")
    known = {folder_name(way.key) for way in case.ways}
    others = [heap for heap in heaps if heap.destination not in known and heap.is_dead]
    if others:
        yield warning(
            "spool",
            f"{_bytes(others)} that {_processes(others)} left wait for other destinations",
            "Programs with the same destination deliver them, or `instrument flush` with its DSN",
        )
    if not any(heap.is_dead or heap.trouble for heap in heaps):
        yield ok("spool", "nothing that a process left behind waits")


def look_at_store(case: Case) -> Iterator[Finding]:
    """Whether the local store can be read, and what is in it. Only where it is the destination."""
    for way in case.ways:
        if way.kind == "Local":
            yield from _store(Path(way.witness.destination))


def _folder(check: str, name: str, path: Path) -> Finding:
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        parent = _existing(path)
        if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
            return ok(check, f"the {name} {path} will be made when it is needed")
        return problem(check, f"the {name} {path} cannot be made: {_why_not(parent)}", _elsewhere(check))
    except OSError as error:
        return problem(check, f"the {name} {path} cannot be used: {error.strerror}", _elsewhere(check))
    if stat.S_ISLNK(found.st_mode) and check == "spool":
        return problem(check, f"the {name} {path} is a link, which is not followed", _elsewhere(check))
    found = os.stat(path)
    if not stat.S_ISDIR(found.st_mode):
        return problem(check, f"the {name} {path} is not a folder", _elsewhere(check))
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        return problem(check, f"the {name} {path} belongs to another user (id {found.st_uid})", _elsewhere(check))
    mode = stat.S_IMODE(found.st_mode)
    if os.name == "posix" and mode & 0o022:
        return problem(check, f"others may write to the {name} {path} (mode {mode:o})", f"Do: chmod 700 {path}")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return problem(check, f"the {name} {path} is not writable (mode {mode:o})", f"Do: chmod 700 {path}")
    if os.name == "posix" and mode & 0o077:
        return warning(check, f"others may look into the {name} {path} (mode {mode:o})", f"Do: chmod 700 {path}")
    return ok(check, f"the {name} {path} is ours alone")


def _room(path: Path) -> Finding:
    disk = shutil.disk_usage(path)
    share = disk.free / max(1, disk.total)
    text = f"{size(disk.free)} ({share:.0%}) of the disk of {path} are free"
    if share < LEAST_SHARE and disk.free < LEAST_BYTES:
        return problem(
            "disk", f"only {text}, so what is recorded is kept in memory and lost with the process", "Make room"
        )
    return ok("disk", text)


def _waiting(records: str, heaps: list[Heap], kind: str) -> Finding:
    text = f"{records} that {_processes(heaps)} left for {kind} wait, {_bytes(heaps)}"
    now = _clock.wall() / 1e9
    oldest = max([now - heap.oldest for heap in heaps if heap.oldest is not None], default=0.0)
    text += f", the oldest for {_span(max(0.0, oldest))}"
    if oldest < QUIET_SECONDS:
        return ok("spool", text + "; the next program delivers them")
    return warning("spool", text, "The next program delivers them, or `instrument flush` does now")


def _refused(path: Path) -> Iterator[Finding]:
    try:
        files = [entry.stat(follow_symlinks=False).st_size for entry in os.scandir(path)]
    except OSError:
        return
    if files:
        text = f"{len(files)} records that were refused for good are kept in {path}, {size(sum(files))}"
        yield warning("spool", text, "Look at them, and remove the folder")


def _store(path: Path) -> Iterator[Finding]:
    if not path.exists():
        parent = _folder("store", "folder of the store", path.parent)
        yield ok("store", f"{path} will be made by the first trace") if parent.level == "ok" else parent
        return
    try:
        with Reader(path) as reader:
            reader.recent(1)
        rows = _rows(path)
    except (StoreError, sqlite3.Error) as error:
        yield problem("store", str(error), "Move it away; the next trace begins a new one")
        return
    total = sum(os.path.getsize(f"{path}{end}") for end in ("", "-wal") if os.path.exists(f"{path}{end}"))
    yield ok("store", f"{path} can be read: {rows}, {size(total)}, SQLite {sqlite3.sqlite_version}")
    system = _file_system(path)
    if system in REMOTE:
        text = f"{path} lies on a disk of another machine ({system}), where locks cannot be relied on"
        if sqlite3.sqlite_version_info < FIXED_SQLITE:
            text += f", and SQLite {sqlite3.sqlite_version} can damage a file that two write to"
        yield warning("store", text, "Set INSTRUMENT_STORE_PATH to a file on a disk of this machine")


def _rows(path: Path) -> str:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2.0)
    try:
        counts = [
            f"{connection.execute(f'SELECT count(*) FROM {table}').fetchone()[0]:,} {table}"
            for table in ("traces", "transactions", "errors")
        ]
    finally:
        connection.close()
    return ", ".join(counts)


def _file_system(path: Path) -> str:
    """The kind of file system that `path` is on, where Linux tells."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        before, _, after = line.partition(" - ")
        place = before.split(" ")[4].replace("\\040", " ")
        if Path(place) in path.parents and len(place) >= len(best):
            best, kind = place, after.split(" ")[0]
    return kind


def _existing(path: Path) -> Path:
    return next((parent for parent in (path, *path.parents) if parent.exists()), Path(path.anchor))


def _why_not(parent: Path) -> str:
    return f"{parent} is not writable" if parent.is_dir() else f"{parent} is not a folder"


def _elsewhere(check: str) -> str:
    if check == "spool":
        return "Set INSTRUMENT_SPOOL_DIR to a folder of your own; until then nothing outlives the process"
    if check == "store":
        return "Set INSTRUMENT_STORE_PATH to a file in a folder of your own"
    return "Set XDG_STATE_HOME to a folder of your own"


def _processes(heaps: list[Heap]) -> str:
    return f"{len(heaps)} process" + ("" if len(heaps) == 1 else "es")


def _bytes(heaps: list[Heap]) -> str:
    return size(sum(heap.bytes for heap in heaps))


def _span(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
