"""What servers refused is kept for whoever wants to know why, but not without end."""

import pytest

from instrument.export import Record, Rejects
from tests.export.worlds import BAD, World

MIB = 1024 * 1024


def kept(folder):
    return sorted(path.stat().st_size for path in (folder / "rejected").iterdir())


def test_it_takes_ten_megabytes_and_no_more(tmp_path):
    rejects = Rejects(tmp_path / "there")
    assert [rejects.keep(Record("transaction", 1, bytes(MIB))) for _ in range(12)] == [True] * 10 + [False] * 2
    assert kept(tmp_path / "there") == [MIB] * 10


def test_what_is_smaller_still_finds_room(tmp_path):
    rejects = Rejects(tmp_path / "there", most_bytes=100)
    sizes = [60, 60, 30, 20, 10]
    assert [rejects.keep(Record("error", 0, bytes(size))) for size in sizes] == [True, False, True, False, True]
    assert kept(tmp_path / "there") == [10, 30, 60]


def test_what_others_put_there_counts(tmp_path):
    Rejects(tmp_path / "there", most_bytes=100).keep(Record("error", 0, bytes(90)))
    assert not Rejects(tmp_path / "there", most_bytes=100).keep(Record("error", 0, bytes(20)))


@pytest.mark.parametrize("most", [0, 100])
def test_without_room_a_refusal_is_counted_all_the_same(tmp_path, most):
    world = World(options={"rejects": Rejects(tmp_path / "there", most_bytes=most)})
    world.transport.always = BAD
    world.add("x" * 60, "y" * 60)
    world.run()
    assert world.books.stats().transactions.rejected == 2
    assert world.books.stats().balanced
    assert len(kept(tmp_path / "there")) == (1 if most else 0)


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path):
    (tmp_path / "there").write_text("a file in its place")
    assert not Rejects(tmp_path / "there").keep(Record("error", 0, b"x"))
