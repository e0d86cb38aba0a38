"""The fixture that comes with the package, in a project that knows nothing else of it."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

from tests.examples.sink import LIMIT

ROOT = Path(__file__).parent.parent

THEIRS = """
import instrument

@instrument.traced
def work():
    return 1

def test_one(instrumented):
    with instrument.transaction("job", "nightly"):
        work()
    assert instrumented.count(op="function") == 1

def test_another(instrumented):
    assert instrumented.transactions == []
"""


def test_a_project_has_the_fixture_by_installing_the_package(tmp_path):
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    name = setup["options.entry_points"]["pytest11"].strip().partition(" = ")[2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", name, "-p", "no:cacheprovider", "-W", "error"]
    # Here it may be installed or not: the name is what an installation would load.
    environment = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr
