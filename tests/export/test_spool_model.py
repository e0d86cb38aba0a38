"""The spool against a model of it: whatever is done in whatever order, both have the same records left."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from instrument._books import Books
from instrument.export import spool
from instrument.export.record import Record
from instrument.export.spool import FileSpool

LOTS = 1 << 22
KINDS = st.sampled_from(["transaction", "error"])


class SpoolMachine(RuleBasedStateMachine):
    """One program that is started again and again, and the records that nobody has finished yet."""

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp()) / "spool"
        # A backlog is soon long enough to be packed.
        self.packing = mock.patch.object(spool, "PACK_SHARE", 10_000 / (64 << 20))
        self.packing.start()
        self.now = 1000.0
        self.made = 0
        self.orphan = None
        self.start()
        self.mine = {"transaction": [], "error": [], "report": []}
        self.left = {"transaction": [], "error": [], "report": []}

    def start(self):
        self.books = Books()
        self.finished = 0
        self.spool = FileSpool(self.root, "d", books=self.books, seconds=lambda: self.now)
        # Small files, so that a few records already make many.
        self.spool._segment_bytes = 4096

    @rule(kind=KINDS, size=st.sampled_from([0, 1, 100, 3000, 70_000]), count=st.integers(1, 5))
    def append(self, kind, size, count):
        for _ in range(count):
            self.made += 1
            record = Record(kind, 2 if kind == "transaction" else 0, b"%d " % self.made + b"x" * size)
            self.spool.append(record)
            self.mine[kind].append(record)

    @rule(size=st.integers(1, 100), room=st.sampled_from([0, 10, 50]))
    def append_on_a_full_disk(self, size, room):
        write = os.write

        def full(descriptor, content):
            nonlocal room
            if room:
                taken, room = room, 0
                return write(descriptor, content[:taken])
            raise OSError(errno.ENOSPC, "full")

        self.now += 100
        with mock.patch.object(os, "write", full):
            self.append("transaction", size, 2)
        self.now += 100

    @rule(kind=KINDS, records=st.integers(1, 20), share=st.sampled_from([0, 1, 3, 20]))
    def read_and_finish(self, kind, records, share):
        read = self.spool.read(kind, records, LOTS)
        assert len(read) == len(set(read)) == min(records, len(self.mine[kind])) or self.is_mixed(kind, read)
        assert set(read) <= set(self.mine[kind])
        self.spool.done(kind, share)
        for record in read[:share]:
            self.mine[kind].remove(record)
            if kind == "transaction":
                self.finished += 1

    def is_mixed(self, kind, read):
        """What is in memory is read when what is on disk has been finished."""
        return bool(read) and not self.spool._memory.is_empty

    @rule()
    def restart(self):
        self.spool.close()
        for kind, records in self.mine.items():
            self.left[kind] += records
            records.clear()
        self.start()

    @precondition(lambda self: self.orphan is None)
    @rule()
    def adopt(self):
        self.orphan = self.spool.adopt()
        assert (self.orphan is not None) == any(self.left.values())

    @precondition(lambda self: self.orphan is not None)
    @rule(kind=KINDS, records=st.integers(1, 20), share=st.integers(0, 20))
    def read_and_finish_orphan(self, kind, records, share):
        read = self.orphan.read(kind, records, LOTS)
        assert set(read) <= set(self.left[kind])
        assert len(read) == min(records, self.orphan.pending(kind)[0])
        self.orphan.done(kind, share)
        for record in read[:share]:
            self.left[kind].remove(record)

    @precondition(lambda self: self.orphan is not None)
    @rule()
    def let_go(self):
        self.orphan.close()
        self.orphan = None

    @invariant()
    def the_books_and_the_spool_agree(self):
        for kind, records in self.mine.items():
            assert self.spool.pending(kind) == (len(records), sum(record.spans for record in records))
        stats = self.books.stats()
        assert stats.transactions.spooled == len(self.mine["transaction"]) + self.finished
        assert stats.transactions.dropped == stats.errors.dropped == {}

    def teardown(self):
        self.packing.stop()
        if self.orphan is not None:
            self.orphan.close()
        self.restart()
        found = {kind: [] for kind in self.left}
        while orphan := self.spool.adopt():
            for kind, payloads in found.items():
                while read := orphan.read(kind, 100, LOTS):
                    payloads += read
                    orphan.done(kind, len(read))
            orphan.close()
        for kind, payloads in found.items():
            assert sorted(payloads, key=str) == sorted(self.left[kind], key=str)
        assert list(self.root.glob("*/*")) == []
        shutil.rmtree(self.root.parent)


TestSpoolModel = SpoolMachine.TestCase
TestSpoolModel.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
