"""What a dead process left is found, taken by one at a time, delivered and removed."""

import os
import stat
import time

import pytest

from instrument import _guard
from instrument._books import Books
from instrument.export import spool_folder
from instrument.export.record import Record
from instrument.export.spool import FileSpool

LOTS = 1 << 20
HOUR = 3600 * 1_000_000_000


def tx(name):
    return Record("transaction", 2, name.encode())


def names(records):
    return [record.payload.decode() for record in records]


def leave(root, *appended, destination="d", **options):
    """A folder as a process leaves it that died with these records."""
    spool = FileSpool(root, destination, books=Books(), **options)
    for record in appended:
        spool.append(tx(record) if isinstance(record, str) else record)
    folder = spool.folder
    spool.close()
    return folder


def drain(source):
    """Deliver all that an adopted folder has, and let it go."""
    payloads = []
    for kind in ("error", "transaction", "report"):
        while records := source.read(kind, 7, LOTS):
            payloads += names(records)
            source.done(kind, len(records))
    source.close()
    return payloads


@pytest.fixture
def root(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def spool(root):
    spool = FileSpool(root, "d", books=Books())
    yield spool
    spool.close()


@pytest.fixture
def lines(caplog):
    """The lines that were logged, as they stand when asked for."""
    caplog.set_level("INFO", "instrument")
    return lambda: caplog.messages


def test_the_oldest_folder_is_taken_first_and_removed_when_drained(root, spool):
    folders = [leave(root, name, wall=lambda age=age: time.time_ns() - age) for name, age in (("b", 5), ("a", HOUR))]
    assert drain(spool.adopt()) == ["a"]
    assert [folder.exists() for folder in folders] == [True, False]
    assert drain(spool.adopt()) == ["b"]
    assert spool.adopt() is None
    assert not folders[0].exists()


def test_draining_begins_where_the_dead_process_was(root, spool):
    dead = FileSpool(root, "d", books=Books())
    for i in range(30):
        dead.append(tx(str(i)))
    for _ in range(3):
        dead.read("transaction", 4, LOTS)
        dead.done("transaction", 4)
    dead.close()
    assert drain(spool.adopt()) == [str(i) for i in range(12, 30)]


def test_an_adopter_that_lets_go_leaves_the_rest_to_the_next(root, spool):
    folder = leave(root, *"abc")
    first = spool.adopt()
    first.read("transaction", 2, LOTS)
    first.done("transaction", 2)
    first.close()
    assert first.read("transaction", 2, LOTS) == []
    assert folder.exists()
    assert drain(spool.adopt()) == ["c"]


def test_an_adopted_source_tells_what_is_pending(root, spool):
    leave(root, *"abc", Record("error", 0, b"e"))
    orphan = spool.adopt()
    assert (orphan.pending("transaction"), orphan.pending("error")) == ((3, 6), (1, 0))
    orphan.read("transaction", 1, LOTS)
    orphan.done("transaction", 1)
    assert orphan.pending("transaction") == (2, 4)
    orphan.close()
    assert orphan.pending("transaction") == (0, 0)


def test_nobody_takes_the_folder_of_a_process_that_lives(root, spool):
    spool.append(tx("mine"))
    other = FileSpool(root, "d", books=Books())
    assert spool.adopt() is None
    assert other.adopt() is None


def test_two_adopters_never_have_the_same_folder(root, spool):
    for name in "abc":
        leave(root, name)
    other = FileSpool(root, "d", books=Books())
    taken = [spool.adopt(), other.adopt(), spool.adopt(), other.adopt()]
    assert taken[3] is None
    assert sorted(name for source in taken[:3] for name in drain(source)) == ["a", "b", "c"]


def test_each_destination_adopts_its_own(root, spool):
    leave(root, "a", destination="another")
    assert spool.adopt() is None


def test_adoption_makes_nothing_on_disk(root, spool):
    assert spool.adopt() is None
    assert not root.exists()


def test_what_is_lost_in_an_adopted_folder_is_in_books_of_their_own(root):
    folder = leave(root, *"abcd")
    path = folder / "transaction-00000001.log"
    content = bytearray(path.read_bytes())
    content[40] ^= 1  # in the second frame
    path.write_bytes(content[:-1])
    books, orphans_books = Books(), Books()
    spool = FileSpool(root, "d", books=books, orphans_books=orphans_books)
    assert drain(spool.adopt()) == ["a", "c"]
    assert orphans_books.stats().transactions.dropped == {"internal_sdk_error": 2}
    assert books.stats().transactions.dropped == {}
    assert not folder.exists()


def test_what_is_too_old_in_an_adopted_folder_is_not_delivered(root):
    leave(root, "a", wall=lambda: time.time_ns() - 49 * HOUR)
    orphans_books = Books()
    spool = FileSpool(root, "d", books=Books(), orphans_books=orphans_books)
    assert drain(spool.adopt()) == []
    assert orphans_books.stats().transactions.dropped == {"cache_overflow": 1}
    assert orphans_books.stats().spans.dropped == {"cache_overflow": 2}
    assert spool.adopt() is None


def test_without_a_cursor_everything_is_sent_again(root, spool):
    dead = FileSpool(root, "d", books=Books())
    for name in "abc":
        dead.append(tx(name))
    dead.read("transaction", 2, LOTS)
    dead.done("transaction", 2)
    folder = dead.folder
    dead.close()
    (folder / "transaction.cursor").write_bytes(b"\xff" * 100)
    assert drain(spool.adopt()) == ["a", "b", "c"]


def test_a_torn_cursor_falls_back_to_the_one_before(root, spool):
    dead = FileSpool(root, "d", books=Books())
    for name in "abcd":
        dead.append(tx(name))
    for _ in range(3):
        dead.read("transaction", 1, LOTS)
        dead.done("transaction", 1)
    folder = dead.folder
    dead.close()
    cursor = folder / "transaction.cursor"
    content = bytearray(cursor.read_bytes())
    content[32 + 4] ^= 1  # the third move is in the second slot
    cursor.write_bytes(content)
    assert drain(spool.adopt()) == ["c", "d"]


def test_a_file_of_a_newer_version_is_left_alone(root, spool):
    folder = leave(root, "a")
    newer = folder / "transaction-00000002.log"
    newer.write_bytes(b"iTx2 whatever comes")
    newer.chmod(0o600)
    assert drain(spool.adopt()) == ["a"]
    assert newer.read_bytes() == b"iTx2 whatever comes"
    assert spool.adopt() is None


def test_a_folder_with_nothing_to_read_does_not_hide_the_next(root, spool):
    for name, age in (("a", 2 * HOUR), ("b", HOUR)):
        leave(root, name, wall=lambda age=age: time.time_ns() - age)
    (empty,) = [path for path in root.glob("*/*/*.log") if b"a" in path.read_bytes()[-1:]]
    empty.unlink()
    assert drain(spool.adopt()) == ["b"]
    assert not empty.parent.exists()


def test_names_that_are_no_folders_of_ours_are_passed_over(root, spool):
    folder = leave(root, "a")
    (folder.parent / "rejected").mkdir(mode=0o700)
    (folder.parent / "notes.txt").write_text("mine")
    os.rename(folder, folder.parent / ("." + folder.name))  # as before it is published
    assert spool.adopt() is None


class TestDeath:
    """Records over which three readers died one after the other are left alone for an hour."""

    def begin_to_read(self, root):
        """A process adopts, reads, and is killed."""
        pid = os.fork()
        if pid == 0:
            try:
                orphan = FileSpool(root, "d", books=Books()).adopt()
                os._exit(len(orphan.read("transaction", 2, LOTS)) if orphan else 77)
            finally:
                os._exit(99)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_the_fourth_reader_keeps_off(self, root, spool, lines):
        folder = leave(root, *"abc")
        assert [self.begin_to_read(root) for _ in range(4)] == [2, 2, 2, 77]
        assert spool.adopt() is None
        assert any("its readers died" in line for line in lines())
        before = time.time_ns() - HOUR
        os.utime(folder / "attempts", ns=(before, before))
        assert drain(spool.adopt()) == ["a", "b", "c"]

    def test_it_does_not_hide_the_next_folder(self, root, spool):
        leave(root, "bad", wall=lambda: time.time_ns() - HOUR)
        for _ in range(3):
            self.begin_to_read(root)
        leave(root, "good")
        assert drain(spool.adopt()) == ["good"]

    def test_a_reader_that_lives_on_is_no_death(self, root, spool):
        leave(root, *"abc")
        for _ in range(5):
            orphan = spool.adopt()
            assert names(orphan.read("transaction", 2, LOTS)) == ["a", "b"]
            orphan.close()
        assert drain(spool.adopt()) == ["a", "b", "c"]

    def test_progress_forgives_the_deaths_before(self, root, spool):
        leave(root, *"abc")
        for _ in range(2):
            self.begin_to_read(root)
        orphan = spool.adopt()
        orphan.read("transaction", 1, LOTS)
        orphan.done("transaction", 1)
        orphan.close()
        assert [self.begin_to_read(root) for _ in range(4)] == [2, 2, 2, 77]

    def test_an_empty_lane_read_before_does_not(self, root, spool):
        """Errors are asked for before transactions, and there are none."""
        leave(root, *"abc")
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                orphan = FileSpool(root, "d", books=Books()).adopt()
                orphan.read("error", 2, LOTS)
                orphan.read("transaction", 2, LOTS)
                os._exit(0)
            os.waitpid(pid, 0)
        assert spool.adopt() is None


class TestStrangers:
    """Nothing that cannot be trusted is read, and whoever runs the program is told once."""

    def test_a_link_in_the_place_of_a_folder(self, root, spool, lines, tmp_path):
        folder = leave(root, "a")
        elsewhere = tmp_path / "elsewhere"
        os.rename(folder, elsewhere)
        os.symlink(elsewhere, folder)
        assert spool.adopt() is None
        assert spool.adopt() is None
        assert len([line for line in lines() if "left alone" in line]) == 1
        assert (elsewhere / "transaction-00000001.log").exists()

    @pytest.mark.parametrize("mode", [0o755, 0o770, 0o702])
    def test_a_folder_that_is_open_to_others(self, root, spool, lines, mode):
        folder = leave(root, "a")
        folder.chmod(mode)
        assert spool.adopt() is None
        assert any("open to other users" in line for line in lines())
        folder.chmod(0o700)
        assert drain(spool.adopt()) == ["a"]

    def test_a_folder_of_somebody_else(self, root, spool, lines, monkeypatch):
        leave(root, "a")
        monkeypatch.setattr(spool_folder, "user_id", lambda: os.getuid() + 1)
        assert spool.adopt() is None
        assert any("another user" in line for line in lines())

    def plant_link(path, outside):
        os.symlink(outside, path)

    def plant_fifo(path, outside):
        os.mkfifo(path, 0o600)

    def plant_folder(path, outside):
        path.mkdir(mode=0o700)

    def plant_hard_link(path, outside):
        os.link(outside, path)

    def plant_readable(path, outside):
        path.write_bytes(outside.read_bytes())
        path.chmod(0o644)

    def plant_giant(path, outside):
        path.touch(0o600)
        os.truncate(path, 1 << 40)

    @pytest.mark.parametrize(
        "plant", [plant_link, plant_fifo, plant_folder, plant_hard_link, plant_readable, plant_giant]
    )
    def test_a_file_that_is_none_of_ours(self, root, spool, lines, tmp_path, plant):
        outside = tmp_path / "outside"
        outside.write_bytes((leave(root, "stolen", destination="other") / "transaction-00000001.log").read_bytes())
        outside.chmod(0o600)
        folder = leave(root, "a")
        planted = folder / "transaction-00000002.log"
        plant(planted, outside)
        assert drain(spool.adopt()) == ["a"]
        assert len([line for line in lines() if "left alone" in line]) == 1
        assert os.path.lexists(planted)
        assert outside.exists()

    @pytest.mark.parametrize("name", ["lock", "transaction.cursor", "attempts"])
    @pytest.mark.parametrize("plant", [plant_link, plant_fifo, plant_folder])
    def test_a_bookkeeping_file_that_is_none_of_ours(self, root, spool, tmp_path, name, plant):
        outside = tmp_path / "outside"
        outside.write_bytes(b"precious")
        folder = leave(root, "a")
        (folder / name).unlink(missing_ok=True)
        plant(folder / name, outside)
        orphan = spool.adopt()
        assert orphan is None or drain(orphan) == ["a"]
        assert outside.read_bytes() == b"precious"

    def test_a_root_that_others_can_write_to_is_not_adopted_from(self, root, spool, lines):
        leave(root, "a")
        root.chmod(0o777)
        assert spool.adopt() is None
        assert any("open to other users" in line for line in lines())


class TestHousekeeping:
    """The bounds hold for all that one user has, whoever left it."""

    def test_beyond_the_total_the_oldest_transactions_of_the_dead_go(self, root):
        for age in range(6, 0, -1):
            folder = leave(root, *[f"{age}" * 1000] * 10, Record("error", 0, bytes(5000)))
            for path in folder.iterdir():
                before = time.time_ns() - age * HOUR
                os.utime(path, ns=(before, before))
        lost = Books()
        spool = FileSpool(root, "d", total_bytes=62_000, books=Books(), orphans_books=lost)
        spool.append(tx("mine"))
        assert names(spool.read("transaction", 1, LOTS)) == ["mine"]
        assert sum(path.stat().st_size for path in root.rglob("*.log")) <= 62_000
        assert lost.stats().transactions.dropped == {"cache_overflow": 30}
        assert lost.stats().errors.dropped == {}
        left = []
        while orphan := spool.adopt():
            left += drain(orphan)
        assert sorted(name[0] for name in left) == ["\0"] * 6 + ["1"] * 10 + ["2"] * 10 + ["3"] * 10

    def test_other_destinations_count_as_well(self, root):
        leave(root, *["x" * 1000] * 100, destination="another")
        lost = Books()
        spool = FileSpool(root, "d", total_bytes=50_000, books=Books(), orphans_books=lost)
        spool.append(tx("mine"))
        spool.read("transaction", 1, LOTS)
        assert sum(path.stat().st_size for path in root.rglob("*.log")) < 50_000
        assert lost.stats().transactions.dropped == {}, "our server cannot be told of what another one misses"

    def test_what_lives_is_not_touched(self, root):
        other = FileSpool(root, "d", books=Books())
        other.append(tx("x" * 100_000))
        spool = FileSpool(root, "d", total_bytes=50_000, books=Books())
        spool.append(tx("mine"))
        spool.read("transaction", 1, LOTS)
        assert len(other.read("transaction", 10, LOTS)) == 1

    def test_a_folder_of_a_destination_that_nobody_uses_any_more_goes_after_two_days(self, root):
        for name, age in (("kept", 47 * HOUR), ("gone", 49 * HOUR)):
            folder = leave(root, name, destination=name)
            before = time.time_ns() - age
            os.utime(folder / "transaction-00000001.log", ns=(before, before))
        spool = FileSpool(root, "d", books=Books())
        spool.append(tx("mine"))
        spool.read("transaction", 1, LOTS)
        assert sorted(path.read_bytes()[33:] for path in root.rglob("*.log")) == [b"kept", b"mine"]

    def test_a_folder_whose_process_died_before_publishing_it_goes(self, root):
        folder = leave(root, "a")
        draft = folder.parent / ("." + folder.name)
        os.rename(folder, draft)
        before = time.time_ns() - 2 * HOUR
        for path in (*draft.iterdir(), draft):
            os.utime(path, ns=(before, before))
        spool = FileSpool(root, "d", books=Books())
        spool.append(tx("mine"))
        spool.read("transaction", 1, LOTS)
        assert not draft.exists()

    def test_it_happens_once_a_minute(self, root):
        now = [0.0]
        spool = FileSpool(root, "d", total_bytes=50_000, books=Books(), seconds=lambda: now[0])
        spool.append(tx("mine"))
        spool.read("transaction", 1, LOTS)
        leave(root, *["x" * 1000] * 100)
        spool.read("transaction", 1, LOTS)
        assert sum(path.stat().st_size for path in root.rglob("*.log")) > 50_000
        now[0] += 61
        spool.read("transaction", 1, LOTS)
        assert sum(path.stat().st_size for path in root.rglob("*.log")) < 50_000

    def test_a_thousand_dead_folders_take_bounded_time(self, root):
        folder = leave(root, "a")
        for i in range(1000):
            copy = folder.with_name(f"{i + 1}-{i:016x}00")
            copy.mkdir(mode=0o700)
            for name in ("lock", "transaction-00000001.log"):
                descriptor = os.open(copy / name, os.O_CREAT | os.O_WRONLY, 0o600)
                os.write(descriptor, (folder / name).read_bytes())
                os.close(descriptor)
        spool = FileSpool(root, "d", total_bytes=10, books=Books())
        spool.append(tx("mine"))
        begin = time.process_time()
        orphan = spool.adopt()
        assert time.process_time() - begin < 2
        assert names(orphan.read("transaction", 1, LOTS)) == ["a"]
        orphan.close()


def test_the_modes_of_what_an_adopter_makes_are_private_too(root, spool):
    folder = leave(root, *"abc")
    orphan = spool.adopt()
    orphan.read("transaction", 1, LOTS)
    orphan.done("transaction", 1)
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    orphan.close()
    assert _guard.strict
