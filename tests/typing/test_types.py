"""Type checkers see the original through the decorators: what fits and what does not."""

import re
import sys
from pathlib import Path

import pytest

api = pytest.importorskip("mypy.api")

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def mypy(program, cache):
    """What `mypy --strict` says, by line."""
    options = ["--strict", "--config-file=", f"--cache-dir={cache}", f"--python-executable={sys.executable}"]
    out, err, _ = api.run([*options, "--no-error-summary", "--hide-error-context", str(program)])
    assert err == ""
    return [line for line in out.splitlines() if line]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("mypy")


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MYPYPATH", str(ROOT))


def test_every_decorated_thing_has_the_type_it_had(cache):
    assert mypy(HERE / "kinds.py", cache) == []


def test_mistakes_are_still_found(cache):
    program = HERE / "mistakes.py"
    lines = program.read_text().splitlines()
    expected = {
        number: line.partition("# mistake: ")[2] for number, line in enumerate(lines, 1) if "# mistake: " in line
    }
    found = {}
    for line in mypy(program, cache):
        matched = re.fullmatch(r".*?:(\d+): error: .*\[([\w-]+)\]", line)
        if matched:
            found[int(matched[1])] = matched[2]
    assert found == expected
