"""`instrument show`: what a user sees, to the character."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from instrument.cli.main import main
from instrument.cli.waterfall import render_trace
from instrument.store.reading import Reader
from tests.store.payloads import Ids, Transaction, error, filled, simple

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.db"


@pytest.fixture(autouse=True)
def plain_world(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "INSTRUMENT_STORE_PATH"):
        monkeypatch.delenv(name, raising=False)


def indexing(seed=1):
    """A worker that fails on a file and posts to an indexer."""
    ids = Ids(seed)
    worker = Transaction(ids, "task", "index bad_coding2.py", 0.0, 0.124, status="internal_error")
    worker.span("file.read", "/usr/lib/python3.11/test/tokenizedata/bad_coding2.py", 0.001, 0.0021)
    tokenize = worker.span("tokenize", "bad_coding2.py", 0.0042, 0.0508, status="internal_error")
    post = worker.span("http.client", "POST http://127.0.0.1:8123/index", 0.056, 0.061)
    worker.span("http.client", "GET http://127.0.0.1:8123/stats", 0.118, 0.004, status="not_found")
    server = Transaction(
        ids, "http.server", "POST /index", 0.058, 0.055, trace=worker.trace_id, parent=post, service="indexer", pid=12
    )
    server.span("db", "INSERT INTO files (path, size)", 0.06, 0.001)
    server.span("db", "INSERT INTO words (file, word, count)", 0.062, 0.04, data={"folded.count": 240})
    server.span("db", "COMMIT", 0.103, 0.008)
    text = "'utf-8' codec can't decode byte 0xef in position 0: invalid continuation byte"
    raised = error(ids, "UnicodeDecodeError", text, 0.054, trace=worker.trace_id, span=tokenize)
    return [server.payload, raised, worker.payload]


def shown(path, *arguments, environment=None):
    """What the command prints into a pipe at 80 columns, as a program of its own."""
    variables = {**os.environ, "TZ": "UTC", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT), **(environment or {})}
    done = subprocess.run(
        [sys.executable, "-m", "instrument.cli.main", "show", "--store", str(path), *arguments],
        capture_output=True,
        env=variables,
        cwd=ROOT,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode(variables["PYTHONIOENCODING"])


GOLDEN = """\
task index bad_coding2.py                                    2026-01-02 03:04:05
124 ms · 9 spans · 1 error · 2 processes        {trace_id}

                                                        0       50 ms   100 ms
[worker] task index bad_coding2.py              124 ms  ━━ internal_error ━━━━━━
├─ file.read /usr/lib/python3.11/test/token…   2.10 ms  ╸
├─ tokenize bad_coding2.py                     50.8 ms   ━━━━━━━━━╸
│     ✗ UnicodeDecodeError: 'utf-8' codec can't decode byte 0xef in…   app.py:12
├─ http.client POST http://127.0.0.1:8123/i…   61.0 ms             ━━━━━━━━━━━╸
│  └─ [indexer] http.server POST /index        55.0 ms             ━━━━━━━━━━━
│     ├─ db INSERT INTO files (path, size)     1.00 ms             ╺
│     ├─ db INSERT INTO words (file, w… ×240   40.0 ms              ━━━━━━━╸
│     └─ db COMMIT                             8.00 ms                      ━╸
└─ http.client GET http://127.0.0.1:8123/st…   4.00 ms               not_found ╸
"""

GOLDEN_ASCII = """\
task index bad_coding2.py                                    2026-01-02 03:04:05
124 ms - 9 spans - 1 error - 2 processes        {trace_id}

                                                        0       50 ms   100 ms
[worker] task index bad_coding2.py              124 ms  == internal_error ======
|- file.read /usr/lib/python3.11/test/tok...   2.10 ms  =
|- tokenize bad_coding2.py                     50.8 ms   ==========
|     x UnicodeDecodeError: 'utf-8' codec can't decode byte 0xef i...  app.py:12
|- http.client POST http://127.0.0.1:8123...   61.0 ms             ============
|  `- [indexer] http.server POST /index        55.0 ms             ===========
|     |- db INSERT INTO files (path, size)     1.00 ms             =
|     |- db INSERT INTO words (file,... x240   40.0 ms              ========
|     `- db COMMIT                             8.00 ms                      ==
`- http.client GET http://127.0.0.1:8123/...   4.00 ms               not_found =
"""


def test_a_trace_over_two_processes_piped_at_80_columns(path):
    filled(path, *indexing())
    trace_id = json.loads(shown(path, "--json"))["trace_id"]
    assert shown(path) == GOLDEN.format(trace_id=trace_id)


def test_the_same_where_the_terminal_has_only_ascii(path):
    filled(path, *indexing())
    trace_id = json.loads(shown(path, "--json"))["trace_id"]
    assert shown(path, environment={"PYTHONIOENCODING": "ascii"}) == GOLDEN_ASCII.format(trace_id=trace_id)


def test_colours_change_no_character(path, monkeypatch, capsys):
    filled(path, *indexing())
    assert main(["show", "--store", str(path), "--width", "80"]) == 0
    plain = capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["show", "--store", str(path), "--width", "80"]) == 0
    colored = capsys.readouterr().out
    assert "\x1b[31m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert main(["show", "--store", str(path), "--width", "80", "--no-color"]) == 0
    assert capsys.readouterr().out == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["show", "--store", str(path), "--width", "80"]) == 0
    assert capsys.readouterr().out == plain


@pytest.mark.parametrize("width", [40, 41, 57, 80, 120, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_terminal(path, width, ascii_only):
    ids = Ids()
    job = Transaction(ids, "job", "a name that is wide: 高速道路 " * 8, 0.0, 1.0, status="internal_error")
    parent = None
    for depth in range(30):
        parent = job.span(
            "function", f"level {depth} 深い", 0.01 * depth, 0.5, parent=parent, status="deadline_exceeded"
        )
    raised = [
        error(ids, "E", "wide 幅 " * 30, 0.1, trace=job.trace_id, span=span) for span in (parent, job.span_id, None)
    ]
    filled(path, job.payload, *indexing(2), *raised)
    with Reader(path) as reader:
        for summary in reader.recent():
            picture = render_trace(reader.trace(summary.trace_id), width, ascii_only=ascii_only)
            assert max(cell_len(line) for line in picture.splitlines()) <= width
            assert not any(line.endswith(" ") for line in picture.splitlines())
            assert picture.isascii() or not ascii_only


def test_bars_are_to_scale(path):
    job = Transaction(Ids(), "job", "x", 0.0, 1.0)
    job.span("a", "whole", 0.0, 1.0)
    job.span("a", "half", 0.0, 0.5)
    job.span("a", "other half", 0.5, 0.5)
    job.span("a", "a quarter in the middle", 0.375, 0.25)
    job.span("a", "nothing at the end", 1.0, 0.0)
    filled(path, job.payload)
    with Reader(path) as reader:
        lines = render_trace(reader.newest(), 89).splitlines()[4:]
    column = lines[0].index("━")
    width = len(lines[0]) - column
    drawn = {line[:column].split("  ")[0].strip("├└─ "): line[column:] for line in lines}
    cells = {name: (len(text) - len(text.lstrip()), len(text)) for name, text in drawn.items()}
    assert width % 8 == 0
    assert cells["a whole"] == (0, width)
    assert cells["a half"] == (0, width // 2)
    assert cells["a other half"] == (width // 2, width)
    assert cells["a a quarter in the middle"] == (3 * width // 8, 5 * width // 8)
    assert cells["a nothing at the end"] == (width - 1, width)


def test_thousands_of_similar_spans_are_a_few_lines_and_failures_stay_visible(path):
    ids = Ids()
    job = Transaction(ids, "job", "nightly", 0.0, 100.0)
    for number in range(3000):
        task = job.span("task", f"resize image {number}.png", number * 0.03, 0.025 if number != 2000 else 0.029)
        job.span("file.read", f"{number}.png", number * 0.03, 0.004, parent=task)
        encode = job.span("encode", "png", number * 0.03 + 0.005, 0.018, parent=task)
        if number == 700:
            raised = error(ids, "ValueError", "bad chunk", 21.02, trace=job.trace_id, span=encode)
    filled(path, job.payload, raised)
    picture = shown(path)
    lines = picture.splitlines()
    assert len(lines) < 40
    assert any("… 2,995 more like this, up to 25.0 ms" in line and "┄┄┄" in line for line in lines)
    assert any("resize image 2000.png" in line and "29.0 ms" in line for line in lines)
    assert any("resize image 700.png" in line for line in lines)
    assert any("✗ ValueError: bad chunk" in line for line in lines)
    assert f"8,985 spans without a line of their own; `instrument show {job.trace_id[:8]} --all`" in " ".join(lines)
    everything = shown(path, "--all").splitlines()
    assert sum("resize image" in line for line in everything) == 3000
    assert not any("more like this" in line for line in everything)


def test_many_different_children_are_summed_up_by_op(path):
    job = Transaction(Ids(), "job", "nightly", 0.0, 100.0)
    for number in range(200):
        job.span("function", "".join(chr(97 + int(digit)) for digit in str(number)), number * 0.1, 0.05)
    filled(path, job.payload)
    lines = shown(path).splitlines()
    assert len(lines) < 20
    assert any("… 197 more like this" in line for line in lines)


def test_a_trace_without_end_is_cut_and_says_so(path):
    job = Transaction(Ids(), "job", "deep", 0.0, 1.0)
    parent = None
    for _ in range(3000):
        parent = job.span("function", "recurse", 0.1, 0.1, parent=parent)
    filled(path, job.payload)
    lines = shown(path).splitlines()
    assert len(lines) < 520
    assert "2,501 spans without a line of their own" in lines[-2] + lines[-1]
    assert any(line.startswith("⋯499 ") for line in lines)


def test_names_cannot_give_orders_to_the_terminal(path):
    hostile = (
        "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\x9b5m\r\nnext\tline \u202eback\u202c\u200b\x00 [bold]not bold[/]"
    )
    ids = Ids()
    job = Transaction(ids, hostile, hostile, 0.0, 1.0, status=hostile, service=hostile)
    job.span(hostile, hostile, 0.1, 0.1, status=hostile)
    raised = error(ids, hostile, hostile, 0.2, trace=job.trace_id, span=job.span_id, frames=[(hostile, 3, True)])
    filled(path, job.payload, raised)
    with Reader(path) as reader:
        picture = render_trace(reader.newest(), 200)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", picture)
    assert "red next line back [bold]not bold[/]" in picture
    assert main(["list", "--store", str(path), "--no-color"]) == 0


def test_orphans_and_clocks_are_explained_below_the_picture(path):
    ids = Ids()
    shop = Transaction(ids, "http.server", "GET /checkout", 0.0, 1.2, service="shop", pid=1)
    call = shop.span("http.client", "GET http://stock/items", 0.1, 0.4)
    stock = Transaction(
        ids, "http.server", "GET /items", -2.15, 0.3, trace=shop.trace_id, parent=call, service="stock", pid=2
    )
    mail = Transaction(
        ids, "queue.process", "receipts", 1.8, 0.5, trace=shop.trace_id, parent=ids(16), service="mailer", pid=3
    )
    filled(path, shop.payload, stock.payload, mail.payload)
    picture = shown(path)
    assert "⋯ [mailer] queue.process receipts" in picture
    assert "⋯ marks 1 span whose parent is not in this store." in picture
    assert "The clock of stock was 2.30 s behind; its spans are moved to fit." in picture


def test_an_error_outside_any_transaction_can_be_shown(path):
    filled(path, error(Ids(), "KeyError", "'x'", 0.0, level="fatal"))
    lines = shown(path).splitlines()
    assert lines[0].startswith("KeyError: 'x'  ")
    assert lines[1].startswith("1 error  ")
    assert lines[3] == "✗ KeyError: 'x'" + "app.py:12".rjust(80 - len("✗ KeyError: 'x'"))


def test_the_newest_trace_is_shown_unless_another_is_named(path, capsys):
    ids = Ids()
    old, new = simple(ids, 0.0, name="old"), simple(ids, 5.0, name="new")
    filled(path, new.payload, old.payload)
    assert main(["show", "--store", str(path)]) == 0
    assert capsys.readouterr().out.startswith("job new ")
    assert main(["show", old.trace_id[:8], "--store", str(path)]) == 0
    assert capsys.readouterr().out.startswith("job old ")


def test_an_unknown_trace_is_a_message_and_exit_code_1(path, capsys):
    filled(path, simple(Ids()).payload)
    assert main(["show", "feed\x1b[31m", "--store", str(path)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        f"instrument: there is no trace 'feed\\x1b[31m' in {path}; `instrument list` shows what there is.\n"
    )


def test_an_id_that_fits_several_traces_lists_them(path, capsys):
    ids = Ids()
    same = [Transaction(ids, "job", "one", 0, 1, trace=f"abc{number}" + "0" * 28) for number in range(2)]
    filled(path, *(transaction.payload for transaction in same))
    assert main(["show", "abc", "--store", str(path)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "instrument: several traces begin with 'abc':",
        *(f"  instrument show {transaction.trace_id}" for transaction in same),
    ]


def test_an_empty_store_says_what_to_type(path, capsys):
    assert main(["show", "--store", str(path)]) == 0
    output = capsys.readouterr().out
    assert f"There are no traces in {path} yet." in output
    assert "instrument.init()" in output
    assert main(["show", "--store", str(path), "--json"]) == 0
    assert capsys.readouterr().out == "null\n"


def test_json_holds_spans_parents_first_and_errors(path, capsys):
    filled(path, *indexing())
    assert main(["show", "--store", str(path), "--json"]) == 0
    output = capsys.readouterr().out
    assert output.isascii()
    trace = json.loads(output)
    assert trace["processes"] == ["worker", "indexer"]
    known = set()
    for span in trace["spans"]:
        assert span["parent_span_id"] is None or span["parent_span_id"] in known
        known.add(span["span_id"])
    assert len(known) == 9
    assert [(raised["place"], raised["span_id"] in known) for raised in trace["errors"]] == [("app.py:12", True)]


def test_a_broken_store_is_one_line_and_exit_code_1(path, capsys):
    path.write_bytes(b"nothing of ours" * 100)
    for command in ("show", "list"):
        assert main([command, "--store", str(path)]) == 1
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.startswith(f"instrument: {path} is damaged")
        assert output.err.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_reader_that_has_seen_enough_ends_the_output_quietly(path):
    job = Transaction(Ids(), "job", "nightly", 0.0, 100.0)
    for number in range(5000):
        job.span("task", f"part {number}", number * 0.01, 0.01)
    filled(path, job.payload)
    command = f"{sys.executable} -m instrument.cli.main show --all --store {path} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.startswith("job nightly")
    assert done.stderr == ""
