"""Tests of other people's that run with our patches on, exactly as they run with them off.

    python -m tests.suites                     what the suite of this project runs
    python -m tests.suites test.test_ftplib    other tests of Python's own, or any that unittest finds

Both states run at the same time, each in an interpreter of its own; patched it has all patches that are on by default,
and every test runs in a transaction. A test whose outcome differs gets a second chance, alone: they have races.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import attrs

ROOT = Path(__file__).parent.parent
LIMIT = 300.0
OFF, ON = "off", "on"
STATE = "SUITES_STATE"
WRITTEN = "outcomes.json"


@attrs.frozen
class Outcomes:
    """What became of each test, by its id, and how many spans were recorded meanwhile."""

    tests: dict
    spans: int


class _Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.outcomes = {}

    def startTest(self, test):
        super().startTest(test)
        self.outcomes[test.id()] = "passed"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcomes[test.id()] = f"skipped: {reason}"

    def _failed(self, test, error):
        self.outcomes[test.id()] = f"failed: {error[0].__name__}: {error[1]}"[:400]

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failed(test, err)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(test, err)


def begin():
    """In the child: switch us on, if this is the state. Where what is recorded is kept, then."""
    if os.environ[STATE] == OFF:
        return None
    import instrument
    from instrument.exporters import Memory

    memory = Memory()
    instrument.init(exporter=memory)
    return memory


def write(folder, tests, memory):
    """In the child: say what became of the tests."""
    spans = sum(len(one.spans) for one in memory.transactions) if memory else 0
    Path(folder, WRITTEN).write_text(json.dumps([tests, spans]), "utf-8")


def _run(names, left_out):
    """In the child: run tests of Python's own."""
    folder = os.getcwd()
    memory = begin()
    with contextlib.ExitStack() as stack:
        if memory is not None:
            import instrument

            stack.enter_context(instrument.transaction("test", "suite"))
        suite = unittest.TestSuite()
        for test in _flat(unittest.defaultTestLoader.loadTestsFromNames(names)):
            if not any(word in test.id() for word in left_out):
                suite.addTest(test)
        result = _Result()
        suite.run(result)
    write(folder, result.outcomes, memory)


def _flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def outcomes(names, left_out=(), **variables):
    """What becomes of these tests of Python's own in both states."""
    words = ["-m", "tests.suites", "--run", json.dumps([names, left_out])]
    return _both(words, lambda folder: None, variables)


def outcomes_of_pytest(archive, words, **variables):
    """What becomes of the tests that pytest finds by `words` in the source distribution `archive`, in both states."""

    def unpacked(folder):
        with tarfile.open(archive) as source:
            source.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        [tree] = (path for path in folder.iterdir() if path.is_dir())
        for path in tree.iterdir():
            path.rename(folder / path.name)
        for name in ("suites.py", "suite_plugin.py"):
            shutil.copy(ROOT / "tests" / name, folder)

    return _both(["-m", "pytest", "-p", "suite_plugin", "-p", "no:cacheprovider", *words], unpacked, variables)


def _both(words, prepare, variables):
    with tempfile.TemporaryDirectory(prefix="suites-", ignore_cleanup_errors=True) as top:
        started = []
        for state in (OFF, ON):
            folder = Path(top, state)
            folder.mkdir()
            prepare(folder)
            paths = os.pathsep.join([str(ROOT), *variables.get("PYTHONPATH", "").split(os.pathsep)])
            own = {"PYTHONPATH": paths.strip(os.pathsep), "HOME": str(folder), "TMPDIR": str(folder), STATE: state}
            with open(folder / "said", "wb") as said:
                process = subprocess.Popen(
                    [sys.executable, *words],
                    cwd=folder,
                    env={**os.environ, **variables, **own},
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                )
            started.append((folder, process))
        return [_ended(folder, process) for folder, process in started]


def _ended(folder, process):
    try:
        process.wait(LIMIT)
    finally:
        process.kill()
    written = folder / WRITTEN
    assert written.exists(), (folder / "said").read_text("utf-8", "replace")[-4000:]
    return Outcomes(*json.loads(written.read_text("utf-8")))


def differences(names, left_out=(), **variables):
    """Both outcomes, and the tests of Python's own that turn out differently each time: how, without us and with us."""
    off, on = outcomes(names, left_out, **variables)
    differing = differing_in(off, on)
    if differing and all(name.startswith("test.") for name in differing):
        differing = differing_in(*outcomes(sorted(differing), **variables))
    return off, on, differing


def differing_in(off, on):
    """The tests that turn out differently, and how without us and with us."""
    names = off.tests.keys() | on.tests.keys()
    both = {name: (off.tests.get(name, "not run"), on.tests.get(name, "not run")) for name in names}
    return {name: pair for name, pair in both.items() if _kind(pair[0]) != _kind(pair[1])}


def _kind(outcome):
    return outcome.partition(":")[0]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        _run(*json.loads(sys.argv[2]))
        sys.exit()
    off, on, differing = differences(sys.argv[1:])
    print(f"{len(off.tests)} tests, {sum(_kind(one) == 'skipped' for one in off.tests.values())} skipped", end=", ")
    print(f"{sum(_kind(one) == 'failed' for one in off.tests.values())} fail without us, {on.spans} spans")
    for name, pair in sorted(differing.items()):
        print(f"{name}\n    off {pair[0]}\n    on  {pair[1]}")
    sys.exit(bool(differing))
