"""Processes that are killed, forked and interrupted: each record is kept once, by the process that made it."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import instrument
from instrument._books import Books
from instrument.export.record import Record
from instrument.export.spool import FileSpool, MemorySpool

LOTS = 1 << 20
PACKAGE = str(Path(instrument.__file__).parent.parent)
PRELUDE = """
import os, signal, sys, threading
from pathlib import Path
from instrument._books import Books
from instrument.export.record import Record
from instrument.export.spool import FileSpool
root = Path(sys.argv[1])
spool = FileSpool(root, "d", books=Books())
def tx(name): return Record("transaction", 1, name.encode())
"""


def tx(name):
    return Record("transaction", 1, name.encode())


def names(records):
    return [record.payload.decode() for record in records]


def left_by_the_dead(root):
    """The payloads in all folders that can be adopted, folder by folder."""
    spool = FileSpool(root, "d", books=Books())
    folders = []
    while orphan := spool.adopt():
        folders.append([])
        while records := orphan.read("transaction", 1000, LOTS):
            folders[-1] += names(records)
            orphan.done("transaction", len(records))
        orphan.close()
    return folders


def start(code, *arguments, **options):
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(code, *arguments):
    process = start(code, *arguments)
    out, err = process.communicate(timeout=60)
    assert err == ""
    return process.returncode, out


def in_child(action):
    """Run `action` in a forked child that ends by `os._exit`; its exit status is 0 when nothing was raised."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.fixture
def root(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def spool(root):
    spool = FileSpool(root, "d", books=Books())
    yield spool
    spool.close()


class TestEnds:
    def test_all_that_was_acknowledged_before_a_kill_is_found(self, root):
        code = """
for i in range(10**9):
    spool.append(tx(f"{i} " + "x" * (i * 37 % 3000)))
    os.write(1, b"%d\\n" % i)
"""
        for _ in range(3):
            with start(code, root) as process:
                for _ in range(300):
                    process.stdout.readline()
                process.kill()
                acknowledged = int((process.stdout.read().splitlines() or ["299"])[-1])
            (found,) = left_by_the_dead(root)
            numbers = [int(name.split()[0]) for name in found]
            # One more may have been written whose acknowledgement did not get out.
            assert numbers in (list(range(acknowledged + 1)), list(range(acknowledged + 2)))

    @pytest.mark.parametrize(
        "end", ["os._exit(3)", "os.abort()", "sys.exit(3)", "raise KeyError", "os.kill(os.getpid(), 15)", "pass"]
    )
    def test_however_the_process_ends(self, root, end):
        process = start(f"spool.append(tx('a')); spool.append(tx('b')); {end}", root)
        process.communicate(timeout=60)
        assert left_by_the_dead(root) == [["a", "b"]]

    def test_threads_that_are_killed_in_the_middle(self, root):
        code = """
def work(n):
    for i in range(10**9):
        spool.append(tx(f"{n} {i}"))
        os.write(1, b"%d %d\\n" % (n, i))
for n in range(4):
    threading.Thread(target=work, args=(n,)).start()
"""
        process = start(code, root)
        for _ in range(500):
            process.stdout.readline()
        process.kill()
        acknowledged = {line for line in process.stdout.read().splitlines() if line.count(" ") == 1}
        process.communicate()
        (found,) = left_by_the_dead(root)
        assert len(found) == len(set(found))
        last = {}
        for line in acknowledged:
            n, i = line.split()
            last[n] = max(last.get(n, 0), int(i))
        for n, i in last.items():
            assert {f"{n} {k}" for k in range(i)} <= set(found)

    def test_a_late_finalizer_is_kept_and_nothing_is_said(self, root):
        code = """
class Late:
    def __del__(self, tx=tx, spool=spool):
        spool.append(tx("late"))
late = Late()
import atexit
atexit.register(spool.close)
spool.append(tx("early"))
"""
        assert run(code, root) == (0, "")
        assert sorted(name for folder in left_by_the_dead(root) for name in folder) == ["early", "late"]

    def test_a_program_that_closes_every_file_finds_none_of_our_bytes_in_its_own(self, root, tmp_path):
        """As programs do on their way to become a daemon."""
        code = """
import logging
logging.getLogger("instrument").addHandler(logging.NullHandler())
now = [1000.0]
spool = FileSpool(root, "d", books=Books(), seconds=lambda: now[0])
spool.append(tx("a"))
assert len(spool.read("transaction", 10, 1000)) == 1
os.closerange(3, 1000)
theirs = [os.open(f"{sys.argv[2]}/{number}", os.O_CREAT | os.O_RDWR) for number in range(30)]
spool.append(tx("b"))
now[0] += 61
assert [record.payload for record in spool.read("transaction", 10, 1000)] == [b"b"]
spool.append(tx("c"))
assert len(spool.read("transaction", 10, 1000)) == 2
spool.close()
assert [os.fstat(descriptor).st_size for descriptor in theirs] == [0] * 30
"""
        assert run(code, root, tmp_path) == (0, "")
        assert sorted(left_by_the_dead(root)) == [["a"], ["b", "c"]]

    def test_a_dead_process_is_adopted_by_several_at_once_without_copies(self, root):
        for i in range(12):
            run(f"[spool.append(tx('{i} %d' % n)) for n in range(20)]", root)
        code = """
sys.stdin.readline()
while orphan := spool.adopt():
    while records := orphan.read("transaction", 3, 10000):
        for record in records:
            print(record.payload.decode())
        orphan.done("transaction", len(records))
    orphan.close()
"""
        adopters = [start(code, root, stdin=subprocess.PIPE) for _ in range(3)]
        for adopter in adopters:
            adopter.stdin.write("go\n")
            adopter.stdin.flush()
        lines = [line for adopter in adopters for line in adopter.communicate(timeout=60)[0].splitlines()]
        assert sorted(lines) == sorted(f"{i} {n}" for i in range(12) for n in range(20))


class TestForks:
    def test_a_child_has_a_folder_of_its_own_and_leaves_the_parents_alone(self, root, spool):
        spool.append(tx("parent"))

        def child():
            assert spool.pending("transaction") == (0, 0)
            assert spool.read("transaction", 10, LOTS) == []
            spool.append(tx("child"))
            assert names(spool.read("transaction", 10, LOTS)) == ["child"]

        in_child(child)
        assert names(spool.read("transaction", 10, LOTS)) == ["parent"]
        assert left_by_the_dead(root) == [["child"]]

    def test_children_of_children(self, root, spool):
        spool.append(tx("parent"))

        def child():
            spool.append(tx("child"))
            in_child(lambda: spool.append(tx("grandchild")))
            assert names(spool.read("transaction", 10, LOTS)) == ["child"]

        in_child(child)
        assert sorted(left_by_the_dead(root)) == [["child"], ["grandchild"]]

    def test_a_child_that_records_nothing_makes_nothing(self, root, spool):
        spool.append(tx("parent"))
        before = sorted(root.rglob("*"))
        in_child(lambda: None)
        assert sorted(root.rglob("*")) == before

    def test_a_child_keeps_none_of_the_parents_files_open(self, root, spool):
        spool.append(tx("parent"))
        spool.read("transaction", 1, LOTS)
        spool.done("transaction", 0)

        def child():
            links = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
            assert not [link for link in links if str(root) in link]

        if not os.path.isdir("/proc/self/fd"):
            pytest.skip("needs a /proc")
        in_child(child)

    def test_a_child_that_outlives_its_parent_does_not_hold_its_folder(self, root):
        code = """
spool.append(tx("parent"))
if os.fork() == 0:
    os.write(1, b"running\\n")
    sys.stdin.readline()
    os._exit(0)
os._exit(0)
"""
        process = start(code, root, stdin=subprocess.PIPE)
        process.wait()
        assert process.stdout.readline() == "running\n"
        assert left_by_the_dead(root) == [["parent"]]
        process.communicate("end\n")

    def test_a_child_may_adopt_what_its_dead_parent_left(self, root):
        code = """
spool.append(tx("parent"))
if os.fork() == 0:
    spool.append(tx("child"))
    sys.stdin.readline()
    orphan = spool.adopt()
    print([record.payload for record in orphan.read("transaction", 10, 1000)], flush=True)
    os._exit(0)
os._exit(0)
"""
        process = start(code, root, stdin=subprocess.PIPE)
        process.wait()
        assert process.communicate("go\n")[0].strip() == "[b'parent']"

    def test_what_the_parent_kept_in_memory_is_not_the_childs(self, tmp_path):
        (tmp_path / "spool").touch()
        spool = FileSpool(tmp_path / "spool", "d", books=Books())
        spool.append(tx("parent"))

        def child():
            assert spool.pending("transaction") == (0, 0)

        in_child(child)
        assert names(spool.read("transaction", 10, LOTS)) == ["parent"]

    def test_a_memory_spool_begins_empty_in_a_child(self):
        memory = MemorySpool(books=Books())
        memory.append(tx("parent"))

        def child():
            assert memory.read("transaction", 10, LOTS) == []
            memory.append(tx("child"))
            assert names(memory.read("transaction", 10, LOTS)) == ["child"]

        in_child(child)
        assert names(memory.read("transaction", 10, LOTS)) == ["parent"]

    def test_a_child_lets_go_of_what_its_parent_adopted(self, root, spool):
        in_child(lambda: spool.append(tx("dead")))
        orphan = spool.adopt()

        def child():
            assert orphan.read("transaction", 10, LOTS) == []
            orphan.close()

        in_child(child)
        assert names(orphan.read("transaction", 10, LOTS)) == ["dead"]
        orphan.close()

    def test_forks_under_load_lose_and_copy_nothing(self, root):
        code = """
stop = threading.Event()
counts = [0] * 3
def work(n):
    while not stop.is_set():
        spool.append(tx(f"parent {n} {counts[n]}"))
        counts[n] += 1
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
for thread in threads: thread.start()
for round in range(20):
    pid = os.fork()
    if pid == 0:
        for i in range(10):
            spool.append(tx(f"child {round} {i}"))
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
print(*counts, flush=True)
os._exit(0)
"""
        process = start(code, root)
        out, _ = process.communicate(timeout=60)
        found = [name for folder in left_by_the_dead(root) for name in folder]
        expected = [f"child {r} {i}" for r in range(20) for i in range(10)]
        expected += [f"parent {n} {i}" for n, count in enumerate(map(int, out.split())) for i in range(count)]
        assert sorted(found) == sorted(expected)

    def test_a_host_that_runs_no_fork_hooks(self, root):
        """The child finds out by its process id."""
        code = """
import ctypes
spool.append(tx("parent"))
pid = ctypes.CDLL(None).fork()
if pid == 0:
    assert spool.read("transaction", 10, 1000) == []
    spool.append(tx("child"))
    os._exit(0)
os.waitpid(pid, 0)
spool.append(tx("parent"))
os._exit(0)
"""
        run(code, root)
        assert sorted(left_by_the_dead(root)) == [["child"], ["parent", "parent"]]


class TestReentrancy:
    def test_a_signal_handler_may_append_in_the_middle_of_an_append(self, root, spool):
        numbers, handled = itertools.count(), []

        def handler(*_):
            name = f"handler {next(numbers)}"
            spool.append(tx(name))
            handled.append(name)
            signal.setitimer(signal.ITIMER_REAL, 0.0002)

        former = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0001)
        try:
            count = 0
            while len(handled) < 100:
                spool.append(tx(f"main {count}"))
                count += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, former)
        found = []
        while records := spool.read("transaction", 1000, LOTS):
            found += names(records)
            spool.done("transaction", len(records))
        assert sorted(found) == sorted(handled + [f"main {i}" for i in range(count)])
        assert len(list(root.glob("*/*"))) == 1

    def test_appends_from_within_the_making_of_the_folder_are_kept(self, root, monkeypatch):
        """As signal handlers do that come during the first append."""
        spool = FileSpool(root, "d", books=Books())
        mkdir = os.mkdir

        def mkdir_and_handlers(*args, **kwargs):
            monkeypatch.setattr(os, "mkdir", mkdir)
            spool.append(tx("handler 1"))
            spool.append(tx("handler 2"))
            return mkdir(*args, **kwargs)

        monkeypatch.setattr(os, "mkdir", mkdir_and_handlers)
        spool.append(tx("main"))
        assert sorted(names(spool.read("transaction", 10, LOTS))) == ["handler 1", "handler 2", "main"]
        assert len(list(root.glob("*/*"))) == 1

    def test_an_append_from_within_a_read_is_kept(self, root, spool):
        spool.append(tx("a"))
        with spool._lock:
            spool.append(tx("b"))
        assert names(spool.read("transaction", 10, LOTS)) == ["a", "b"]

    def test_threads_that_begin_together_share_one_folder(self, root):
        for attempt in range(10):
            spool = FileSpool(root / str(attempt), "d", books=Books())
            (root / str(attempt)).mkdir(parents=True, mode=0o700)
            gate = threading.Barrier(8)

            def work(n, spool=spool, gate=gate):
                gate.wait()
                for i in range(20):
                    spool.append(tx(f"{n} {i}"))

            threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(list((root / str(attempt)).glob("*/*"))) == 1
            found = names(spool.read("transaction", 1000, LOTS))
            assert sorted(found) == sorted(f"{n} {i}" for n in range(8) for i in range(20))
            spool.close()

    def test_readers_and_writers_at_once_lose_nothing(self, root):
        books = Books()
        spool = FileSpool(root, "d", max_bytes=16 * 20_000, books=books)
        running = threading.Event()

        def work(n):
            running.wait()
            for i in range(400):
                spool.append(tx(f"{n} {i} " + "x" * 50))
                while spool.pending("transaction")[0] > 2000:
                    pass

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        running.set()
        found = []
        while any(thread.is_alive() for thread in threads) or spool.pending("transaction")[0]:
            records = spool.read("transaction", 50, LOTS)
            found += names(records)
            spool.done("transaction", len(records))
        assert sorted(name.strip("x ") for name in found) == sorted(f"{n} {i}" for n in range(4) for i in range(400))
        assert books.stats().transactions.dropped == {}
        spool.close()
        assert list(root.glob("*/*")) == []
