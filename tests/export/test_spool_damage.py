"""Damaged folders of the spool: every sound record is delivered, the rest is counted, and nothing is raised."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument._books import Books
from instrument.export.frames import encode
from instrument.export.record import Record
from instrument.export.spool import FileSpool

LOTS = 1 << 20
RECORDS = [Record("transaction", 1, b"payload %d " % i * (i % 5 + 1)) for i in range(20)]
FRAMES = [encode(record, sequence, 1 << 62, is_packed=sequence % 2 == 1) for sequence, record in enumerate(RECORDS)]
FILE = b"".join(FRAMES)


class Patient:
    """A folder that is damaged and adopted, over and over."""

    def __init__(self, root):
        self.orphans_books = Books()
        self.spool = FileSpool(root, "d", books=Books(), orphans_books=self.orphans_books)
        dead = FileSpool(root, "d", books=Books())
        dead.append(RECORDS[0])
        self.folder = dead.folder
        dead.close()

    def recover(self, files):
        """Put these files into the folder of a dead process; the records that its adopter delivers."""
        self.orphans_books.forget()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        for name, content in {"lock": b"", **files}.items():
            descriptor = os.open(self.folder / name, os.O_CREAT | os.O_WRONLY, 0o600)
            os.write(descriptor, content)
            os.close(descriptor)
        delivered = []
        orphan = self.spool.adopt()
        if orphan is not None:
            while records := orphan.read("transaction", 7, LOTS):
                delivered += records
                orphan.done("transaction", len(records))
            orphan.close()
        assert not self.folder.exists()
        assert self.spool.adopt() is None
        return delivered

    @property
    def lost(self):
        return sum(self.orphans_books.stats().transactions.dropped.values())


@pytest.fixture(scope="module")
def patient():
    with tempfile.TemporaryDirectory() as folder:
        yield Patient(Path(folder) / "spool")


def test_a_file_cut_anywhere(patient):
    end = 0
    for whole, frame in enumerate(FRAMES):
        for cut in {0, 1, 4, 12, len(frame) // 2, len(frame) - 1}:
            assert patient.recover({"transaction-00000001.log": FILE[: end + cut]}) == RECORDS[:whole]
            assert patient.lost == (1 if cut else 0)
        end += len(frame)


def test_a_file_with_any_byte_flipped(patient):
    for position in range(0, len(FILE), 3):
        content = bytearray(FILE)
        content[position] ^= 1 << position % 8
        delivered = patient.recover({"transaction-00000001.log": bytes(content)})
        assert len(delivered) == 19
        assert [record for record in RECORDS if record in delivered] == delivered
        assert patient.lost == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 100_000, b"iTx1", b"garbage", b"iTx1" * 10_000])
def test_a_file_without_a_single_record(patient, content):
    files = {"transaction-00000001.log": content, "transaction-00000002.log": FILE}
    assert patient.recover(files) == RECORDS
    assert patient.lost == (1 if content else 0)


def test_a_missing_file_in_the_middle(patient):
    files = {f"transaction-{number:08}.log": FRAMES[number] for number in (1, 2, 4)}
    assert patient.recover(files) == [RECORDS[1], RECORDS[2], RECORDS[4]]


pieces = st.one_of(st.binary(max_size=60), st.sampled_from([b"iTx1", b"iTx2", *FRAMES[:3], FRAMES[4][:20], bytes(50)]))
contents = st.lists(pieces, max_size=8).map(b"".join)


@settings(max_examples=100, deadline=None)
@given(first=contents, second=contents, cursor=st.one_of(st.binary(max_size=70), st.just(bytes(64))))
def test_whatever_is_in_the_files(patient, first, second, cursor):
    # Such a file is left alone, and with it the folder.
    second = second.lstrip(b"iTx")
    first = b"." + first
    files = {"transaction-00000001.log": first, "transaction-00000002.log": second, "transaction.cursor": cursor}
    delivered = patient.recover(files)
    assert len(delivered) == sum((first + b"|" + second).count(frame) for frame in FRAMES[:3])
    assert set(delivered) <= set(RECORDS[:3])
