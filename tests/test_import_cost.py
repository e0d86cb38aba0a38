"""What `import instrument` and `init` bring into a process: little, so that nobody has to think twice about them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TOO_DEAR = [
    "asyncio",
    "attr",
    "celery",
    "concurrent.futures",
    "django",
    "email",
    "fastapi",
    "flask",
    "http.client",
    "http.server",
    "importlib.metadata",
    "msgspec",
    "multiprocessing",
    "pickle",
    "platform",
    "pytest",
    "requests",
    "rich",
    "socket",
    "sqlite3",
    "ssl",
    "starlette",
    "subprocess",
    "urllib.request",
    "urllib3",
    "wrapt",
]

OURS_FOR_LATER = [
    "cli",
    "export.sender",
    "exporters",
    "middleware.wsgi",
    "pytest_plugin",
    "store",
    "testing",
    "transport",
    "viewer",
    "wire",
]
"""Rooms of ours that a program which never calls `init` has no use for."""

TOO_DEAR_FOR_INIT = ["attr", "django", "http.client", "http.server", "multiprocessing", "requests", "rich", "urllib3"]

OURS_FOR_FEW = [
    "cli",
    "export.otlp",
    "export.spool_survey",
    "middleware.wsgi",
    "processing.findings",
    "store.reader",
    "store.reading",
    "testing",
    "transport.http",
    "viewer",
    "wire.otlp",
]
"""Rooms and modules of ours that a program which calls `init` without a word has no use for."""

# Without `site`, nothing that an environment's own start-up files import is taken for ours, or hides what is.
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import instrument; {}; print(json.dumps([*sys.modules]))"
)


def modules_after(act, folder):
    path = json.dumps([str(ROOT), *filter(None, sys.path)])
    command = [sys.executable, "-I", "-S", "-c", PROGRAM.format(act), path]
    environment = {"XDG_STATE_HOME": str(folder), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    return modules_after("pass", tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def initialised(tmp_path_factory):
    return modules_after("instrument.init()", tmp_path_factory.mktemp("state"))


@pytest.mark.parametrize("module", TOO_DEAR)
def test_import_does_not_bring_in(imported, module):
    assert module not in imported


@pytest.mark.parametrize("module", OURS_FOR_LATER)
def test_import_leaves_for_later(imported, module):
    assert f"instrument.{module}" not in imported


def test_import_does_bring_in_the_package(imported):
    assert {"instrument", "instrument.api", "instrument.recording"} <= imported


@pytest.mark.parametrize("module", TOO_DEAR_FOR_INIT)
def test_init_with_defaults_does_not_bring_in(initialised, module):
    assert module not in initialised


@pytest.mark.parametrize("module", OURS_FOR_FEW)
def test_init_with_defaults_leaves_for_those_who_need_it(initialised, module):
    assert f"instrument.{module}" not in initialised


def test_init_brings_in_all_that_delivers_as_the_senders_thread_imports_nothing(initialised):
    assert {"instrument.export.sender", "instrument.store.writer", "instrument.wire", "sqlite3"} <= initialised


def test_dates_of_retry_after_need_no_import_in_the_senders_thread(tmp_path):
    assert "email.utils" in modules_after("instrument.init('http://0123456789abcdef@127.0.0.1:9/1')", tmp_path)


def test_import_starts_no_thread_and_touches_no_file(tmp_path):
    watch = (
        "import sys, threading\n"
        "written = []\n"
        "sys.addaudithook(lambda event, arguments: event == 'open' and arguments[1] not in ('r', 'rb', None)"
        " and written.append(arguments))\n"
        "import instrument\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert not written, written\n"
    )
    command = [sys.executable, "-B", "-c", watch]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
