"""What `import instrument` brings into a process: little, so that nobody has to think twice about it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TOO_DEAR = [
    "asyncio",
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
    "pytest",
    "requests",
    "rich",
    "sqlite3",
    "ssl",
    "starlette",
    *(["subprocess"] if sys.version_info >= (3, 11) else []),  # on 3.10 attrs brings it in, by way of platform
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

# Without `site`, nothing that an environment's own start-up files import is taken for ours, or hides what is.
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import instrument; print(json.dumps([*sys.modules]))"
)


@pytest.fixture(scope="module")
def imported():
    path = json.dumps([str(ROOT), *filter(None, sys.path)])
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, path]
    return set(json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout))


@pytest.mark.parametrize("module", TOO_DEAR)
def test_import_does_not_bring_in(imported, module):
    assert module not in imported


@pytest.mark.parametrize("module", OURS_FOR_LATER)
def test_import_leaves_for_later(imported, module):
    assert f"instrument.{module}" not in imported


def test_import_does_bring_in_the_package(imported):
    assert {"instrument", "instrument.api", "instrument.recording", "attr"} <= imported


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
