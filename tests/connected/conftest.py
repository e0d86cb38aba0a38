"""One browser for all tests, the page's script as a browser takes it, and a server for what all parties send."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.connected.browser import NODE_MODULES, Browser, chromium
from tests.connected.sink import Sink

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def node():
    """Node, with what package.json names beside it."""
    program = shutil.which("node")
    if program is None or not (NODE_MODULES / "installed").exists():
        pytest.skip("needs Node, and what scripts/test installs from npm")
    return program


@pytest.fixture(scope="session")
def script(node):
    """page.js and all that it imports."""
    esbuild = [NODE_MODULES / ".bin" / "esbuild", HERE / "page.js", "--bundle", "--format=esm"]
    return subprocess.run(esbuild, check=True, stdout=subprocess.PIPE).stdout


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    program = chromium()
    if program is None:
        pytest.skip("needs Chromium, which scripts/test installs on Linux, or its path in CHROMIUM")
    with Browser(program, tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def sink():
    with Sink() as sink:
        yield sink
