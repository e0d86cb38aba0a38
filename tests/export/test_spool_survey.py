"""A look at the spool from outside: it counts what waits, takes nothing away and is in nobody's way."""

import os
import time

import pytest

from instrument._books import Books
from instrument.export import FileSpool, Record, folder_name
from instrument.export.spool_survey import survey

LOTS = 1 << 20
HOUR = 3600 * 1_000_000_000


def tx(name, spans=3):
    return Record("transaction", spans, name.encode())


def leave(root, *records, destination="d", **options):
    """A folder as a process leaves it that died with these records."""
    spool = FileSpool(root, destination, books=Books(), **options)
    for record in records:
        spool.append(record)
    folder = spool.folder
    spool.close()
    return folder


@pytest.fixture
def root(tmp_path):
    return tmp_path / "spool"


def test_it_counts_by_kind_what_a_dead_process_left(root):
    folder = leave(root, tx("a"), tx("b", 4), Record("error", 0, b"e"))
    (heap,) = survey(root)
    assert (heap.path, heap.destination, heap.is_dead) == (folder, folder_name("d"), True)
    assert heap.records == {"transaction": 2, "report": 0, "error": 1}
    assert heap.spans == {"transaction": 7, "report": 0, "error": 0}
    assert heap.bytes == sum(path.stat().st_size for path in folder.glob("*.log"))


def test_what_was_delivered_does_not_wait(root):
    spool = FileSpool(root, "d", books=Books())
    for name in "abc":
        spool.append(tx(name))
    spool.read("transaction", 2, LOTS)
    spool.done("transaction", 2)
    (heap,) = survey(root)
    assert (heap.is_dead, heap.records["transaction"]) == (False, 1)
    spool.read("transaction", 2, LOTS)
    spool.done("transaction", 1)
    (heap,) = survey(root)
    assert (heap.is_dead, heap.records["transaction"], heap.oldest) == (False, 0, None)
    spool.close()
    assert survey(root) == []


def test_a_process_is_alive_as_long_as_it_lives(root):
    begin, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            spool = FileSpool(root, "d", books=Books())
            spool.append(tx("a"))
            os.write(end, b".")
            time.sleep(60)
        finally:
            os._exit(0)
    try:
        os.read(begin, 1)
        assert [heap.is_dead for heap in survey(root)] == [False]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(begin)
        os.close(end)
    assert [(heap.is_dead, heap.records["transaction"]) for heap in survey(root)] == [(True, 1)]


def test_the_oldest_record_comes_first_and_its_age_is_told(root):
    now = time.time_ns()
    for name, age in (("young", 1), ("old", 3), ("middle", 2)):
        leave(root, tx(name), destination=name, wall=lambda age=age: now - age * HOUR)
    heaps = survey(root)
    assert [heap.destination for heap in heaps] == [folder_name(name) for name in ("old", "middle", "young")]
    assert [round((now / 1e9 - heap.oldest) / 3600) for heap in heaps] == [3, 2, 1]


def test_one_destination_can_be_asked_for_alone(root):
    leave(root, tx("a"), destination="mine")
    leave(root, tx("b"), destination="another")
    assert [heap.destination for heap in survey(root, folder_name("mine"))] == [folder_name("mine")]
    assert survey(root, folder_name("nobody's")) == []


def test_it_takes_nothing_away_and_keeps_nobody_from_adopting(root):
    folder = leave(root, tx("a"), Record("error", 0, b"e"))

    def everything():
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}

    before, open_files = everything(), len(os.listdir("/dev/fd"))
    survey(root)
    assert everything() == before
    assert len(os.listdir("/dev/fd")) == open_files
    orphan = FileSpool(root, "d", books=Books()).adopt()
    assert orphan.pending("transaction") == (1, 3)
    assert survey(root)[0].is_dead is False
    orphan.close()


def test_damage_costs_the_records_it_touches(root):
    folder = leave(root, tx("a"), tx("b"), tx("c"))
    path = folder / "transaction-00000001.log"
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    assert survey(root)[0].records["transaction"] == 2


def test_a_folder_that_cannot_be_trusted_is_named_and_not_looked_into(root):
    folder = leave(root, tx("a"))
    folder.chmod(0o755)
    (heap,) = survey(root)
    assert (heap.is_dead, dict(heap.records)) == (False, {})
    assert heap.trouble == "is open to other users (mode 755)"


def test_where_there_is_no_spool_nothing_waits(root, tmp_path):
    assert survey(root) == []
    root.write_text("no folder")
    assert survey(root) == []


def test_what_is_none_of_ours_is_passed_over(root):
    folder = leave(root, tx("a"))
    (folder.parent / "rejected").mkdir(0o700)
    (folder.parent / "notes").write_text("mine")
    (root / "notes").mkdir(0o700)
    os.rename(folder, folder.parent / ("." + folder.name))  # as before it is published
    assert survey(root) == []
