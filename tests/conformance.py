"""The conformance matrix: what became of each story in `tests/stories` on each version of Python.

As a plugin of pytest (`-p tests.conformance --conformance FOLDER`) it keeps the outcome of a run in FOLDER. As a
program it makes `docs/conformance.md` of what is kept there, or checks that the page says the same:

    python -m tests.conformance FOLDER [--run PYTHON]... [--check]

`--run` first runs the stories with that interpreter. A check looks at the versions that are in FOLDER.
"""

import argparse
import ast
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
STORIES = ROOT / "tests" / "stories"
PAGE = ROOT / "docs" / "conformance.md"

HOLDS, FAILS, UNTESTED = "yes", "no", "not tested"

HEAD = """\
# Conformance

What holds on which version of Python. Each line is a story in `tests/stories`, and this page is made from the outcome
of running them: `python -m tests.conformance FOLDER --run PYTHON`. "yes" means that all tests of the story pass; they
run with both `traced` and `transaction` where that makes a difference.

"""


def pytest_addoption(parser):
    parser.addoption("--conformance", metavar="FOLDER", help="keep the outcome of the stories in this folder")


def pytest_configure(config):
    folder = config.getoption("--conformance")
    if folder:
        config.pluginmanager.register(_Outcomes(Path(folder)))


class _Outcomes:
    """What became of each story in this run."""

    def __init__(self, folder):
        self.folder = folder
        self.found = {}

    def pytest_runtest_logreport(self, report):
        path = ROOT / report.nodeid.partition("::")[0]
        if path.parent == STORIES and (report.when == "call" or report.outcome != "passed"):
            self.found.setdefault(path.name, []).append(_word(report))

    def pytest_collectreport(self, report):
        path = ROOT / report.nodeid.partition("::")[0]
        if path.parent == STORIES and report.outcome != "passed":
            self.found.setdefault(path.name, []).append(_word(report))

    def pytest_sessionfinish(self):
        outcomes = {name: _outcome(words) for name, words in sorted(self.found.items())}
        self.folder.mkdir(parents=True, exist_ok=True)
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        (self.folder / f"{version}.json").write_text(json.dumps(outcomes, indent=1) + "\n", "utf-8")


def _word(report):
    if report.outcome != "skipped":
        return HOLDS if report.outcome == "passed" else FAILS
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    return reason if reason.startswith("needs Python") else UNTESTED


def _outcome(words):
    for word in (FAILS, HOLDS):
        if word in words:
            return word
    return sorted(words)[-1]


def matrix(folder):
    """By version, from the oldest on, the outcome of each story."""
    files = sorted(folder.glob("*.json"), key=lambda file: int(file.stem.partition(".")[2]))
    return {file.stem: json.loads(file.read_text("utf-8")) for file in files}


def sentence(name):
    """What a story says: the first line of its docstring."""
    said = ast.get_docstring(ast.parse((STORIES / name).read_text("utf-8")))
    return said.splitlines()[0].replace("|", "\\|")


def page(outcomes):
    """The page, with a column for each version."""
    rows = sorted((sentence(file.name), file.name) for file in STORIES.glob("test_*.py"))
    lines = [f"| Situation | {' | '.join(outcomes)} |", f"|---|{'---|' * len(outcomes)}"]
    for said, name in rows:
        lines.append(f"| {said} | {' | '.join(found.get(name, UNTESTED) for found in outcomes.values())} |")
    return HEAD + "\n".join(lines) + "\n"


def columns(text):
    """By version, what a page says of each situation."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:2] == "| "]
    head, *body = [row for row in rows if row]
    return {version: {row[0]: row[at] for row in body} for at, version in enumerate(head) if at}


def differences(outcomes, text):
    """What the page says otherwise than it was found, a line each."""
    said, found = columns(text), columns(page(outcomes))
    for version, cells in found.items():
        for name in sorted({*cells, *said.get(version, {})}):
            written = said.get(version, {}).get(name, "nothing")
            if written != cells.get(name, "nothing"):
                yield f"Python {version}: {name} The page says {written}, and it is {cells.get(name, 'no story')}."


def run(python, folder):
    """Run the stories with an interpreter that has what they need."""
    command = [python, "-m", "pytest", "-q", "-p", "tests.conformance", "--conformance", str(folder), str(STORIES)]
    return subprocess.run(command, cwd=ROOT).returncode


def main():
    parser = argparse.ArgumentParser(description="Makes docs/conformance.md of the outcome of the stories.")
    parser.add_argument("folder", type=Path, help="where outcomes are kept")
    parser.add_argument("--run", action="append", default=[], metavar="PYTHON", help="run the stories with it first")
    parser.add_argument("--check", action="store_true", help="change nothing; fail when the page is not up to date")
    asked = parser.parse_args()
    for python in asked.run:
        run(python, asked.folder.resolve())
    outcomes = matrix(asked.folder)
    if not outcomes:
        sys.exit(f"nothing is kept in {asked.folder}; run the stories first")
    if not asked.check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(outcomes), "utf-8")
        return
    found = list(differences(outcomes, PAGE.read_text("utf-8") if PAGE.exists() else HEAD + "| Situation |\n"))
    sys.exit("\n".join(["docs/conformance.md is not up to date:", *found]) if found else 0)


if __name__ == "__main__":
    main()
