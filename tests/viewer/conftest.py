"""One browser for all tests of the page."""

import pytest

from tests.connected.browser import chromium
from tests.viewer.devtools import Chrome, write_fonts


@pytest.fixture(scope="session")
def chrome(tmp_path_factory):
    program = chromium()
    if program is None:
        pytest.skip("needs Chromium, which scripts/test installs on Linux, or its path in CHROMIUM")
    folder = tmp_path_factory.mktemp("chrome")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FONTCONFIG_FILE", str(write_fonts(folder)))
        with Chrome(program, folder) as chrome:
            yield chrome
