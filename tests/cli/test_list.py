"""`instrument list`, and what all commands have in common."""

import json
import os
import subprocess
import sys
import time

import pytest

from instrument.cli.main import COMMANDS, main
from instrument.cli.table import render_list
from instrument.store.reading import Reader
from tests.store.payloads import WHEN, Ids, Transaction, error, filled, simple

DAY = 86_400


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.db"


@pytest.fixture(autouse=True)
def plain_world(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "INSTRUMENT_STORE_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def utc(monkeypatch):
    if not hasattr(time, "tzset"):
        pytest.skip("needs Python with time.tzset")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def morning(ids):
    """Four traces: two processes, many spans, an error without a transaction, a failure."""
    worker = Transaction(ids, "task", "index badsyntax_3131.py", 0.0, 0.124)
    call = worker.span("http.client", "POST /", 0.01, 0.1)
    indexer = Transaction(
        ids, "http.server", "POST /", 0.02, 0.08, trace=worker.trace_id, parent=call, service="indexer", pid=12
    )
    job = simple(ids, 61.0, spans=1234)
    failed = Transaction(ids, "http.server", "GET /checkout/{id}", 122.0, 2.5, status="internal_error", service="shop")
    return [
        *(transaction.payload for transaction in (worker, indexer, job, failed)),
        error(ids, "KeyError", "'no such thing'", 300.0),
        error(ids, "ValueError", "x", 123.0, trace=failed.trace_id, span=failed.span_id),
    ]


GOLDEN = """\
trace     01-02     name                          took  spans  errors  processes
{0}  03:09:05  KeyError: 'no such thing'        -      0       1
{1}  03:06:07  http.server GET /checkout…  2.50 s      1       1  shop
{2}  03:05:06  job nightly                 1.00 s  1,235       -  worker
{3}  03:04:05  task index badsyntax_3131…  124 ms      3       -  worker +1
"""

GOLDEN_WIDE = """\
trace     01-02     name                              took  spans  errors  processes
{0}  03:09:05  KeyError: 'no such thing'            -      0       1
{1}  03:06:07  http.server GET /checkout/{{id}}  2.50 s      1       1  shop
{2}  03:05:06  job nightly                     1.00 s  1,235       -  worker
{3}  03:04:05  task index badsyntax_3131.py    124 ms      3       -  worker, indexer
"""


@pytest.mark.parametrize(("width", "golden"), [(80, GOLDEN), (110, GOLDEN_WIDE)])
def test_recent_traces_newest_first(path, utc, capsys, width, golden):
    filled(path, *morning(Ids()))
    assert main(["list", "--store", str(path), "--width", str(width)]) == 0
    with Reader(path) as reader:
        ids = [summary.trace_id[:8] for summary in reader.recent()]
    assert capsys.readouterr().out == golden.format(*ids)


def test_days_are_told_apart(path, utc):
    ids = Ids()
    filled(path, simple(ids).payload, simple(ids, DAY).payload)
    with Reader(path) as reader:
        lines = render_list(reader.recent()).splitlines()
    assert lines[0].split() == ["trace", "started", "name", "took", "spans", "errors"]
    assert [line.split()[1:3] for line in lines[1:]] == [["01-03", "03:04:05"], ["01-02", "03:04:05"]]


def test_ids_are_as_long_as_it_takes_to_tell_them_apart(path):
    ids = Ids()
    same = [Transaction(ids, "job", "one", 0, 1, trace="0123456789" + f"{number}" * 22) for number in range(3)]
    filled(path, *(transaction.payload for transaction in same))
    with Reader(path) as reader:
        shown = {line.split()[0] for line in render_list(reader.recent()).splitlines()[1:]}
    assert shown == {"01234567890", "01234567891", "01234567892"}


def test_filters_choose(path, capsys):
    filled(path, *morning(Ids()))

    def found(*arguments):
        assert main(["list", "--store", str(path), "--json", *arguments]) == 0
        return [summary["name"] for summary in json.loads(capsys.readouterr().out)]

    assert len(found()) == 4
    assert len(found("-n", "2")) == 2
    assert found("--op", "http.client") == ["index badsyntax_3131.py"]
    assert found("--name", "select 77*") == ["nightly"]
    assert found("--status", "internal_error") == ["GET /checkout/{id}"]
    assert found("--min-duration", "1500ms") == ["GET /checkout/{id}"]
    assert found("--min-duration", "1") == ["GET /checkout/{id}", "nightly"]
    assert found("--errors") == ["KeyError: 'no such thing'", "GET /checkout/{id}"]
    assert found("--since", "2026-01-02T03:06:00Z") == ["KeyError: 'no such thing'", "GET /checkout/{id}"]
    assert found("--since", f"{(time.time() - WHEN) / DAY + 1:.3f}d", "--errors", "--op", "job") == []
    assert main(["list", "--store", str(path), "--op", "none"]) == 0
    assert "No trace fits" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--min-duration", "soon"],
        ["--since", "yesterday"],
        ["-n", "0"],
        ["-n", "many"],
        ["--width", "3"],
        ["--wdith", "80"],
        ["extra"],
    ],
)
def test_a_wrong_argument_is_named_and_the_exit_code_is_2(path, capsys, arguments):
    assert main(["list", "--store", str(path), *arguments]) == 2
    assert arguments[-1].lstrip("-") in capsys.readouterr().err


def test_an_empty_store_says_what_to_type(path, capsys):
    assert main(["list", "--store", str(path)]) == 0
    assert f"There are no traces in {path} yet." in capsys.readouterr().out
    assert main(["list", "--store", str(path), "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert not path.exists()


def test_the_store_is_the_one_that_programs_share_unless_another_is_named(tmp_path, monkeypatch, capsys):
    shared = tmp_path / "instrument" / "traces.db"
    other = tmp_path / "other.db"
    filled(shared, simple(Ids(1), name="shared").payload)
    filled(other, simple(Ids(2), name="other").payload)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["list"]) == 0
    assert "shared" in capsys.readouterr().out
    monkeypatch.setenv("INSTRUMENT_STORE_PATH", str(other))
    assert main(["list"]) == 0
    assert "other" in capsys.readouterr().out


def test_help_names_every_command_and_each_has_its_own(capsys):
    assert main([]) == 0
    assert main(["--help"]) == 0
    assert main(["help"]) == 0
    output = capsys.readouterr().out
    for command in COMMANDS:
        assert f"  instrument {command} " in output
        assert main([command, "--help"]) == 0
        assert f"usage: instrument {command}" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("instrument ")


def test_a_mistyped_command_gets_a_suggestion(capsys):
    assert main(["lsit"]) == 2
    assert capsys.readouterr().err == "instrument: there is no command 'lsit'; did you mean `instrument list`?\n"
    assert main(["\x1b[31m"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_without_rich_the_message_says_what_to_install_and_json_works(path):
    filled(path, simple(Ids()).payload)
    code = "import sys; sys.modules['rich'] = None\nfrom instrument.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    for command in ("list", "show"):
        words = [sys.executable, "-c", code, command, "--store", str(path)]
        done = subprocess.run(words, capture_output=True, text=True, cwd=root, timeout=60)
        assert done.returncode == 1
        assert done.stderr == (
            "instrument: showing traces needs the package rich: pip install 'instrument-traces[cli]'\n"
        )
        done = subprocess.run([*words, "--json"], capture_output=True, text=True, cwd=root, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_asking_for_help_imports_neither_rich_nor_sqlite():
    code = (
        "import sys\n"
        "from instrument.cli.main import main\n"
        "main(['--help'])\n"
        "print(sorted({'rich', 'sqlite3', 'requests'} & set(sys.modules)))"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
