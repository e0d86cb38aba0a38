"""What the documents show works: their Python runs, their commands and links exist, their options are all there are."""

import json
import re
import subprocess
import sys

import pytest

from instrument._value import fields
from instrument.cli.main import COMMANDS
from instrument.options import Options
from tests.examples.sink import LIMIT, ROOT, arrived, environment
from tests.transport.servers import Server

DOCUMENTS = {path.name: path.read_text("utf-8") for path in (ROOT / "README.md", ROOT / "docs" / "guide.md")}
PLACEHOLDER = "https://KEY@HOST/PROJECT"


def blocks(text):
    """The Python of a document."""
    return re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)


def run_document(text, folder):
    """Run the blocks of a document one after another as one program; what a Sentry server was sent."""
    with Server() as server:
        dsn = f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{server.port}/7"
        program = folder / "document.py"
        program.write_text("\n".join(blocks(text)).replace(PLACEHOLDER, dsn), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(program)],
            cwd=folder,
            env=environment(SENTRY_DSN=dsn),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return arrived([request.body for request in server.received], done.stdout)


def test_the_readme_runs_and_what_it_shows_arrives(tmp_path):
    nightly = run_document(DOCUMENTS["README.md"], tmp_path).transaction("nightly")
    assert [span["op"] for span in nightly["spans"]] == ["task", "encode"] * 3

    newsletter, error, imported, handled, sold = read_lines(tmp_path / "traces.jsonl")
    assert [span["op"] for span in newsletter["spans"]] == ["db", "mail", "mail", "mail"]
    assert newsletter["spans"][1]["data"]["arg.recipient"] == "0@example.com"
    [parsing] = imported["spans"]
    assert error["contexts"]["trace"]["span_id"] == parsing["span_id"]
    assert (handled["transaction"], sold["transaction"]) == ("POST /orders", "sell")
    assert handled["contexts"]["trace"]["parent_span_id"] == sold["contexts"]["trace"]["span_id"]


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_guide_runs(tmp_path):
    names = {one["transaction"] for one in run_document(DOCUMENTS["guide.md"], tmp_path).transactions}
    assert names == {"nightly", "resize", "order placed"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_that_is_named_exists(name):
    named = set(re.findall(r"(?:^ {4}|`)instrument ([a-z-]+)", DOCUMENTS[name], re.M))
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name):
    folder = {"README.md": ROOT, "guide.md": ROOT / "docs"}[name]
    for target in re.findall(r"\]\(([^)]+)\)", DOCUMENTS[name]):
        path, _, heading = target.partition("#")
        if not path.startswith("https://"):
            found = folder / path if path else folder / name
            assert found.exists(), target
            assert not heading or f"\n## {heading.replace('-', ' ')}\n" in found.read_text("utf-8").lower(), target


def test_the_guide_lists_every_option_and_no_other():
    table = DOCUMENTS["guide.md"].partition("\n## Options\n")[2]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.M)
    assert listed == list(fields(Options))
