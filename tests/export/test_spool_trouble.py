"""When the disk is full, forbidden or gone, the program goes on, and records wait in memory for a better time."""

import errno
import itertools
import os
import resource
import shutil
import signal

import pytest

from instrument._books import Books
from instrument.export import spool_folder
from instrument.export.record import Record
from instrument.export.spool import FileSpool

LOTS = 1 << 20


def tx(name):
    return Record("transaction", 2, name.encode())


def names(records):
    return [record.payload.decode() for record in records]


def read_all(source, kind="transaction"):
    found = []
    while records := source.read(kind, 1000, 10 * LOTS):
        found += names(records)
        source.done(kind, len(records))
    return found


@pytest.fixture
def root(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def books():
    return Books()


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def spool(root, books, now):
    spool = FileSpool(root, "d", books=books, seconds=lambda: now[0])
    yield spool
    spool.close()


@pytest.fixture
def lines(caplog):
    """The lines that were logged, as they stand when asked for."""
    caplog.set_level("INFO", "instrument")
    return lambda: caplog.messages


class Disk:
    """Fails writes to files, the first `good` ones left out; `room` is how many bytes a failing write still takes."""

    def __init__(self, monkeypatch):
        self.good = 0
        self.room = 0
        self.error = None
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, descriptor, content):
        if self.error is None:
            return self._write(descriptor, content)
        if self.good:
            self.good -= 1
            return self._write(descriptor, content)
        if self.room:
            room, self.room = self.room, 0
            return self._write(descriptor, content[:room])
        raise OSError(self.error, os.strerror(self.error))


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE])
def test_what_finds_no_room_on_disk_is_kept_in_memory_and_moved_when_there_is_some(
    spool, root, books, now, disk, lines, error
):
    spool.append(tx("a"))
    disk.error = error
    spool.append(tx("b"))
    spool.append(tx("c"))
    assert len([line for line in lines() if "kept in memory" in line]) == 1
    assert spool.pending("transaction") == (3, 6)
    assert names(spool.read("transaction", 10, LOTS)) == ["a"]
    spool.done("transaction", 1)
    assert names(spool.read("transaction", 10, LOTS)) == ["b", "c"]
    disk.error = None
    now[0] += 61
    spool.append(tx("d"))
    assert sorted(names(spool.read("transaction", 10, LOTS))) == ["b", "c", "d"]
    assert any("can be written again" in line for line in lines())
    spool.close()
    assert sorted(read_all(FileSpool(root, "d", books=Books()).adopt())) == ["b", "c", "d"]
    assert books.stats().transactions.spooled == 4
    assert books.stats().transactions.dropped == {}


@pytest.mark.parametrize("room", [1, 20, 33, 40])
def test_a_write_that_was_cut_short_costs_nothing(spool, books, now, disk, room):
    spool.append(tx("before"))
    disk.error, disk.room = errno.ENOSPC, room
    spool.append(tx("cut short"))
    disk.error = None
    now[0] += 61
    spool.append(tx("after"))
    assert sorted(read_all(spool)) == ["after", "before", "cut short"]
    assert books.stats().transactions.dropped == {}
    assert spool.pending("transaction") == (0, 0)


def test_the_disk_is_not_tried_again_at_once(spool, now, disk):
    disk.error = errno.ENOSPC
    spool.append(tx("a"))
    disk.error = None
    spool.append(tx("b"))
    assert spool.read("transaction", 10, LOTS) != []
    assert not list(spool.folder.glob("*.log")) or not any(path.stat().st_size for path in spool.folder.glob("*.log"))
    now[0] += 2
    spool.append(tx("c"))
    assert any(path.stat().st_size for path in spool.folder.glob("*.log"))


def test_waiting_grows_up_to_a_minute(spool, now, disk):
    disk.error = errno.ENOSPC
    tries = []
    for _ in range(3000):
        disk.good = 0
        before = spool._rests
        spool.append(tx("a"))
        if spool._rests != before:
            tries.append(now[0])
        now[0] += 0.1
    gaps = [round(b - a) for a, b in itertools.pairwise(tries)]
    assert gaps == sorted(gaps)
    assert gaps[0] <= 2
    assert 59 <= gaps[-1] <= 61


def test_beyond_the_memory_the_oldest_transactions_go_and_are_counted(spool, books, disk):
    disk.error = errno.ENOSPC
    spool.append(Record("error", 0, b"e"))
    for i in range(5000):
        spool.append(tx(f"{i:04}" * 250))
    left = read_all(spool)
    assert 3900 < len(left) < 4300
    assert left[-1][:4] == "4999"
    assert books.stats().transactions.dropped == {"queue_overflow": 5000 - len(left)}
    assert read_all(spool, "error") == ["e"]


def test_a_file_size_limit_is_met_for_real(root):
    """The system cuts a write short, and refuses the next one."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            books, now = Books(), [1000.0]
            spool = FileSpool(root, "d", books=books, seconds=lambda: now[0])
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            expected = [f"{i:04}" * 100 for i in range(100)]
            for i, name in enumerate(expected):
                spool.append(tx(name))
                now[0] += 5 if i % 10 == 0 else 0
            assert sorted(read_all(spool)) == expected
            assert books.stats().transactions.dropped == {}
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_limit_of_open_files_is_met_for_real(root):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            books, now = Books(), [1000.0]
            spool = FileSpool(root, "d", books=books, seconds=lambda: now[0])
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
            spool.append(tx("a"))
            assert spool.folder is None
            resource.setrlimit(resource.RLIMIT_NOFILE, (400, most))
            now[0] += 61
            spool.append(tx("b"))
            assert spool.folder is not None
            assert sorted(names(spool.read("transaction", 10, LOTS))) == ["a", "b"]
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
            spool.done("transaction", 1)
            spool._home.lanes["transaction"]._stop_reading()
            assert spool.read("transaction", 10, LOTS) == []
            resource.setrlimit(resource.RLIMIT_NOFILE, (400, most))
            assert len(read_all(spool)) == 1
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_disk_that_is_nearly_full_is_left_to_others(spool, root, now, lines, monkeypatch):
    monkeypatch.setattr(spool_folder.Folder, "free_share", lambda self: (100_000_000, 0.04))
    spool.append(tx("a"))
    assert spool.folder is None
    assert any("of the disk is free" in line for line in lines())
    monkeypatch.undo()
    now[0] += 61
    assert names(spool.read("transaction", 10, LOTS)) == ["a"]
    assert spool.folder is not None


def test_a_small_share_of_a_huge_disk_is_enough(spool, monkeypatch):
    monkeypatch.setattr(spool_folder.Folder, "free_share", lambda self: (80_000_000_000, 0.04))
    spool.append(tx("a"))
    assert spool.folder is not None


class TestGone:
    """Somebody removes the folder of a running process."""

    @pytest.mark.parametrize("what", ["folder", "destination", "root"])
    def test_what_was_not_sent_moves_to_a_new_folder(self, spool, root, books, what):
        for name in "abc":
            spool.append(tx(name))
        spool.append(Record("error", 0, b"e"))
        spool.read("transaction", 1, LOTS)
        spool.done("transaction", 1)
        former = spool.folder
        shutil.rmtree({"folder": former, "destination": former.parent, "root": root}[what])
        spool.append(tx("d"))
        assert sorted(names(spool.read("transaction", 10, LOTS))) == ["b", "c", "d"]
        assert names(spool.read("error", 10, LOTS)) == ["e"]
        assert spool.folder != former
        assert spool.folder.is_dir()
        assert books.stats().transactions.dropped == {}
        assert spool.pending("transaction") == (3, 6)

    def test_what_cannot_be_read_any_more_is_counted(self, root, books):
        spool = FileSpool(root, "d", max_bytes=16 * 5_000, books=books)
        for i in range(20):
            spool.append(tx(f"{i:04}" * 250))
        shutil.rmtree(root)
        left = len(read_all(spool))
        assert 0 < left < 20
        assert books.stats().transactions.dropped == {"internal_sdk_error": 20 - left}
        assert books.stats().transactions.spooled == left

    def test_one_file_that_is_removed_is_counted(self, root, books):
        spool = FileSpool(root, "d", max_bytes=16 * 5_000, books=books)
        for i in range(20):
            spool.append(tx(f"{i:04}" * 250))
        sorted(root.rglob("*.log"))[1].unlink()
        left = len(read_all(spool))
        assert left < 20
        assert books.stats().transactions.dropped == {"internal_sdk_error": 20 - left}

    def test_a_file_that_is_damaged_while_in_use_is_counted(self, root, books):
        spool = FileSpool(root, "d", books=books)
        for name in "abc":
            spool.append(tx(name))
        (path,) = root.rglob("*.log")
        content = bytearray(path.read_bytes())
        content[40] ^= 1
        path.write_bytes(content)
        assert read_all(spool) == ["a", "c"]
        spool._home.lanes["transaction"].seal()
        assert read_all(spool) == []
        assert books.stats().transactions.dropped == {"internal_sdk_error": 1}
        assert spool.pending("transaction") == (0, 0)


class TestRefused:
    """A place that cannot be trusted is not used; one line says so."""

    def refused(self, spool, lines, root, reason):
        spool.append(tx("a"))
        spool.append(tx("b"))
        assert spool.folder is None
        assert spool.adopt() is None
        assert names(spool.read("transaction", 10, LOTS)) == ["a", "b"]
        assert len([line for line in lines() if "kept in memory" in line and reason in line]) == 1

    def test_a_link(self, spool, root, tmp_path, lines):
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        root.symlink_to(tmp_path / "elsewhere")
        self.refused(spool, lines, root, "link")
        assert list((tmp_path / "elsewhere").iterdir()) == []

    def test_a_dangling_link(self, spool, root, tmp_path, lines):
        root.symlink_to(tmp_path / "elsewhere")
        self.refused(spool, lines, root, "link")
        assert not (tmp_path / "elsewhere").exists()

    def test_a_file(self, spool, root, lines):
        root.write_text("mine")
        self.refused(spool, lines, root, "not a folder")
        assert root.read_text() == "mine"

    def test_a_pipe(self, spool, root, lines):
        os.mkfifo(root)
        self.refused(spool, lines, root, "not a folder")

    @pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
    def test_a_folder_that_others_can_write_to(self, spool, root, lines, mode):
        root.mkdir()
        root.chmod(mode)
        self.refused(spool, lines, root, "open to other users")
        assert list(root.iterdir()) == []

    def test_a_folder_of_somebody_else(self, spool, root, lines, monkeypatch):
        root.mkdir(mode=0o700)
        monkeypatch.setattr(spool_folder, "user_id", lambda: os.getuid() + 1)
        self.refused(spool, lines, root, "another user")

    def test_a_link_in_the_place_of_the_destination(self, spool, root, tmp_path, lines, books):
        FileSpool(root, "d", books=Books()).append(tx("x"))
        (destination,) = root.iterdir()
        shutil.rmtree(destination)
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        destination.symlink_to(tmp_path / "elsewhere")
        self.refused(spool, lines, root, "link")
        assert list((tmp_path / "elsewhere").iterdir()) == []

    def test_it_is_used_once_it_is_put_right(self, spool, root, now):
        root.mkdir()
        root.chmod(0o777)
        spool.append(tx("a"))
        root.chmod(0o755)
        now[0] += 61
        spool.append(tx("b"))
        assert spool.folder is not None
        assert sorted(names(spool.read("transaction", 10, LOTS))) == ["a", "b"]


def test_a_record_that_cannot_be_written_at_all_is_counted(root, books, monkeypatch):
    monkeypatch.setattr("instrument._guard.strict", False)
    spool = FileSpool(root, "d", books=books)
    spool.append(Record("transaction", -1, b"x"))
    spool.append(Record("transaction", 1, b"x"))
    assert books.stats().transactions.dropped == {"internal_sdk_error": 1}
    assert len(read_all(spool)) == 1


def test_a_folder_that_cannot_be_published_leaves_nothing_behind(spool, root, monkeypatch):
    monkeypatch.setattr(spool_folder, "try_lock", lambda descriptor: False)
    spool.append(tx("a"))
    assert spool.folder is None
    assert list(root.glob("*/*")) == []
    assert list(root.glob("*/.*")) == []
