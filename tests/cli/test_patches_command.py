"""`instrument patches`: what is on, and why the rest is not."""

import json
import subprocess
import sys

import pytest

import instrument
from instrument.cli.main import main
from tests.examples.sink import LIMIT, environment


@pytest.fixture(autouse=True)
def unpatched():
    yield
    instrument.unpatch()


def listed(capsys, *words):
    capsys.readouterr()
    assert main(["patches", "--json", *words]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_a_library_that_is_there_has_its_patch_on(capsys):
    row = listed(capsys)["http.client"]
    assert (row["state"], row["why"], row["faults"]) == ("on", "", 0)
    assert row["version"] == sys.version.split()[0]


def test_every_patch_that_the_program_would_have_is_listed(capsys):
    assert set(listed(capsys)) == {state.name for state in instrument.patches()}


def test_the_environment_decides_and_the_reason_is_told(capsys, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_DEFAULT_INTEGRATIONS", "false")
    row = listed(capsys)["http.client"]
    assert row["state"] == "off" and row["why"]


def test_the_table_has_a_line_for_each(capsys):
    assert main(["patches"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "patch" and {"state", "calls", "faults"} <= set(lines[0].split())
    assert any(line.startswith("http.client ") and " on " in line for line in lines)
    assert not any(line != line.rstrip() for line in lines)


def test_without_imports_they_wait(tmp_path):
    rows = {}
    for words in ([], ["--no-import"]):
        done = subprocess.run(
            [sys.executable, "-m", "instrument", "patches", "--json", *words],
            env=environment(XDG_STATE_HOME=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=True,
        )
        assert done.stderr == ""
        rows[bool(words)] = {row["name"]: row["state"] for row in json.loads(done.stdout)}
    assert (rows[False]["http.client"], rows[True]["http.client"]) == ("on", "waiting")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_setting_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_INTEGRATIONS", "nosuchlibrary")
    assert main(["patches"]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert "INSTRUMENT_INTEGRATIONS" in line and "nosuchlibrary" in line
