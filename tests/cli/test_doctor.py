"""`instrument doctor`, with servers of every mood, folders of every kind, and a real span each time."""

import json
import socket
import subprocess
import sys
import threading
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from instrument import _clock, _guard
from instrument.cli.doctor import command
from instrument.cli.doctor.finding import hidden, problem, render
from instrument.cli.hiding import hide
from instrument.cli.main import main
from instrument.export.frames import encode, scan
from instrument.store import FILE_NAME
from instrument.store.reading import Reader
from instrument.wire import read_envelope
from tests.cli.left_behind import KEY, dsn, leave, living
from tests.examples.sink import LIMIT, environment
from tests.transport.servers import CERTIFICATE, EXPIRED, Server, never, reset, status

ECHO = status(
    403, "Content-Type: application/json", body=b'{"detail":"rejected","causes":["key ' + KEY.encode() + b' is off"]}'
)


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "instrument"


class Report:
    """What the doctor said."""

    def __init__(self, code, findings):
        self.code = code
        self.findings = findings

    def of(self, check):
        """Pairs of level and words about one thing."""
        return [(one["level"], f"{one['text']}. {one['advice']}") for one in self.findings if one["check"] == check]

    def the(self, check):
        """The only one."""
        [found] = self.of(check)
        return found


@pytest.fixture
def doctor(state, capsys):
    """Run the command here. Whatever it says, the key is not in it."""

    def run(*words):
        capsys.readouterr()
        code = main(["doctor", "--json", *words])
        printed = capsys.readouterr()
        assert KEY not in printed.out + printed.err
        assert printed.err == ""
        told = json.loads(printed.out)
        assert code == (1 if told["problems"] else 0)
        assert all(bool(one["advice"]) == (one["level"] != "ok") for one in told["findings"])
        return Report(code, told["findings"])

    return run


@pytest.fixture
def server(monkeypatch):
    """A server that the environment names."""
    with Server() as server:
        monkeypatch.setenv("SENTRY_DSN", dsn(server.port))
        yield server


def test_without_any_setting_the_span_is_stored_and_read_back(doctor, state):
    report = doctor()
    assert report.code == 0
    level, text = report.the("span")
    assert level == "ok" and f"stored in {state / FILE_NAME} and read back" in text
    with Reader(state / FILE_NAME) as reader:
        assert [trace.name for trace in reader.recent()] == ["instrument doctor"]
    assert "1 traces, 1 transactions, 0 errors" in doctor().the("store")[1]


def test_a_server_that_takes_the_span_has_it(doctor, server):
    report = doctor()
    assert report.code == 0
    level, text = report.the("span")
    assert level == "ok" and "took it" in text and "HTTP 200" in text
    [item] = read_envelope(server.received[0].body).items
    assert item.json()["transaction"] == "instrument doctor" and len(item.json()["spans"]) == 1
    assert item.json()["contexts"]["trace"]["trace_id"] in text
    assert report.the("connection") == ("ok", f"127.0.0.1:{server.port} takes connections. ")


@pytest.mark.parametrize(
    ("reply", "level", "words"),
    [
        (ECHO, "problem", ["HTTP 403 Forbidden: rejected; key *** is off", "key in the DSN", "kept on disk"]),
        (status(404), "problem", ["HTTP 404", "project at the end of the DSN"]),
        (status(400, "X-Sentry-Error: no such item"), "problem", ["refused it for good", "no such item"]),
        (status(429, "Retry-After: 61"), "warning", ["HTTP 429", "for 61 s", "kept on disk"]),
        (status(503), "problem", ["HTTP 503", "kept on disk", "trouble of its own"]),
        (
            status(307, "Location: https://user:pass@elsewhere.invalid/x"),
            "problem",
            ["HTTP 307", "never followed", "(https://elsewhere.invalid)"],
        ),
        (status(200, "Content-Type: text/html", body=b"log in"), "problem", ["web page", "log in there"]),
        (lambda _, connection: reset(connection), "problem", ["Connection reset", "kept on disk"]),
    ],
    ids=["403", "404", "400", "429", "503", "redirect", "login page", "reset"],
)
def test_each_answer_is_told_with_what_to_do(doctor, server, reply, level, words):
    server.answer = reply
    found, text = doctor().the("span")
    assert found == level
    assert [word for word in words if word not in text] == []


def test_a_server_that_never_answers_is_waited_for_as_long_as_asked(doctor, server):
    ended = threading.Event()
    server.answer = never(ended)
    level, text = doctor("--timeout", "0.2").the("span")
    ended.set()
    assert level == "problem" and "did not answer within 0.2 s; it is kept on disk" in text


def test_a_port_where_nobody_listens(doctor):
    report = doctor("--dsn", dsn(1))
    assert report.the("connection")[0] == "problem" and "Connection refused" in report.the("connection")[1]
    assert report.the("span")[0] == "problem" and "Connection refused" in report.the("span")[1]
    assert report.of("patches") != []


def test_nothing_is_wrong_where_nothing_was_changed(doctor):
    doctor()
    assert {one["check"] for one in doctor().findings if one["level"] != "ok"} == set()


def test_a_name_that_nobody_knows(doctor):
    report = doctor("--dsn", f"http://{KEY}@nowhere.invalid/7", "--timeout", "3")
    level, text = report.the("dns")
    assert level == "problem" and text.startswith("nowhere.invalid has no address here")
    assert report.of("connection") == [] and report.the("span")[0] == "problem"
    unsafe = "what is sent to nowhere.invalid is not encrypted. Use https in the DSN"
    assert ("warning", unsafe) in report.of("destination")


@pytest.fixture
def secure(monkeypatch):
    with Server(secure=True) as server:
        monkeypatch.setenv("SENTRY_DSN", f"https://{KEY}@localhost:{server.port}/7")
        yield server


def test_a_certificate_of_nobody_is_not_accepted(doctor, secure):
    report = doctor()
    level, text = report.the("tls")
    assert level == "problem" and "self" in text and "INSTRUMENT_CA_CERTS" in text
    assert report.the("span")[0] == "problem" and secure.received == []


def test_a_certificate_that_we_are_told_to_trust_is(doctor, secure, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_CA_CERTS", str(CERTIFICATE))
    report = doctor()
    assert report.code == 0 and len(secure.received) == 1
    assert "localhost is good until Oct 29 09:16:39 2126" in report.the("tls")[1]


def test_a_certificate_that_has_expired_is_not_accepted(doctor, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_CA_CERTS", str(EXPIRED))
    with Server(secure=EXPIRED) as server:
        report = doctor("--dsn", f"https://{KEY}@localhost:{server.port}/7")
        level, text = report.the("tls")
        assert level == "problem" and "expired" in text and "renew" in text
        assert report.the("span")[0] == "problem" and server.received == []


def test_a_certificate_for_another_host_is_not_accepted(doctor, secure, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_CA_CERTS", str(CERTIFICATE))
    report = doctor("--dsn", f"https://{KEY}@127.0.0.1:{secure.port}/7")
    assert report.the("tls")[0] == "problem" and "the host that the certificate is for" in report.the("tls")[1]


def test_a_certificate_that_ends_soon_is_told(doctor, secure, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_CA_CERTS", str(CERTIFICATE))
    end = parsedate_to_datetime("Tue, 29 Oct 2126 09:16:39 +0000").timestamp()
    monkeypatch.setattr(_clock, "wall", lambda: int((end - 5 * 86400) * 1e9))
    assert doctor().the("tls")[0] == "warning"


def test_a_port_that_speaks_no_tls(doctor):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            for _ in range(2):
                connection, _ = listener.accept()
                connection.sendall(b"220 ready when you are\r\n")
                with connection:
                    connection.recv(4096)

        threading.Thread(target=greet, daemon=True).start()
        report = doctor("--dsn", f"https://{KEY}@127.0.0.1:{listener.getsockname()[1]}/7", "--timeout", "3")
    assert report.the("tls")[0] == "problem" and "port for https" in report.the("tls")[1]


def test_a_proxy_is_told_without_its_password(doctor, monkeypatch):
    with Server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://somebody:hush-hush@127.0.0.1:{proxy.port}")
        report = doctor("--dsn", f"http://{KEY}@collector.invalid/7")
        assert report.the("proxy") == (
            "ok",
            f"127.0.0.1:{proxy.port} stands between us and collector.invalid:80. ",
        )
        assert report.the("span")[0] == "ok" and len(proxy.received) == 1
        assert "hush-hush" not in json.dumps(report.findings)


@pytest.mark.parametrize(("ahead", "level"), [(0, "ok"), (3600, "warning"), (-3600, "warning")])
def test_the_clock_is_held_against_the_servers(doctor, server, ahead, level):
    import datetime

    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ahead)
    server.answer = status(200, f"Date: {format_datetime(moment, usegmt=True)}", "Content-Type: application/json")
    found, text = doctor().the("clock")
    assert found == level
    assert ahead == 0 or ("ahead of" if ahead > 0 else "behind") in text


def test_a_date_that_is_none_is_no_trouble(doctor, server):
    server.answer = status(200, "Date: yesterday")
    report = doctor()
    assert report.code == 0 and report.of("clock") == []


def test_variables_that_cannot_be_used_are_named(doctor, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_SAMPLE_RATE", "7")
    monkeypatch.setenv("INSTRUMENT_TRACE_SAMPLE_RATE", "1")
    monkeypatch.setenv("INSTRUMENT_MAX_SPANS", "12")
    report = doctor()
    words = "\n".join(text for level, text in report.of("options") if level == "warning")
    assert "INSTRUMENT_SAMPLE_RATE='7' is ignored" in words
    assert "Did you mean INSTRUMENT_TRACES_SAMPLE_RATE?" in words
    assert any("max_spans=12" in text for level, text in report.of("options") if level == "ok")
    assert report.code == 0


@pytest.mark.parametrize(("rate", "words"), [("0", "traces_sample_rate is 0"), ("0.5", None)])
def test_a_rate_of_nothing_is_told_and_the_span_is_sent_all_the_same(doctor, server, monkeypatch, rate, words):
    monkeypatch.setenv("INSTRUMENT_TRACES_SAMPLE_RATE", rate)
    report = doctor()
    warnings = [text for level, text in report.of("options") if level == "warning"]
    assert [words in text for text in warnings] == ([True] if words else [])
    assert len(server.received) == 1


@pytest.mark.parametrize("bad", [f"htt://{KEY}@host/7", f"https://{KEY}@host:99999/7", f"https://{KEY}@/7", KEY])
def test_a_bad_dsn_is_told_without_its_key(doctor, monkeypatch, bad):
    monkeypatch.setenv("SENTRY_DSN", bad)
    report = doctor()
    level, text = report.the("options")
    assert level == "problem" and "SENTRY_DSN" in text and "`init` raises this too" in text
    assert report.of("python") and report.of("span") == []


def test_what_drops_the_span_is_named(doctor, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_IGNORE_TRANSACTIONS", "doctor")
    level, text = doctor().the("span")
    assert level == "problem" and "dropped on the way" in text and "ignore_transactions" in text


def test_no_destination_is_a_warning(doctor, monkeypatch):
    monkeypatch.setenv("SENTRY_DSN", "")
    report = doctor()
    assert report.code == 0 and report.the("destination")[0] == "warning" and report.of("span") == []


def test_two_destinations_are_both_asked(doctor, server, monkeypatch):
    monkeypatch.setenv("INSTRUMENT_EXPORTER", "sentry,local")
    assert [level for level, _ in doctor().of("span")] == ["ok", "ok"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs Python on a POSIX system")
class TestFolders:
    """Folders that cannot be used, and what then becomes of the span."""

    def test_new_ones_can_be_made(self, doctor):
        report = doctor()
        assert [level for check in ("state", "spool", "disk") for level, _ in report.of(check)] == ["ok"] * 4

    def test_a_file_in_the_place_of_the_spool(self, doctor, server, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("INSTRUMENT_SPOOL_DIR", str(tmp_path / "file" / "spool"))
        server.answer = status(503)
        report = doctor()
        level, text = report.of("spool")[0]
        assert level == "problem" and "is not a folder" in text and "INSTRUMENT_SPOOL_DIR" in text
        assert "it is lost with this process" in report.the("span")[1]
        assert "the spool cannot be written" in report.the("log")[1]

    @pytest.mark.parametrize(("mode", "level"), [(0o777, "problem"), (0o750, "warning"), (0o700, "ok")])
    def test_what_others_may_do_there(self, doctor, tmp_path, monkeypatch, mode, level):
        folder = tmp_path / "spool"
        folder.mkdir()
        folder.chmod(mode)
        monkeypatch.setenv("INSTRUMENT_SPOOL_DIR", str(folder))
        found, text = doctor().of("spool")[0]
        assert found == level and (level == "ok" or f"chmod 700 {folder}" in text)

    def test_a_link_is_not_followed(self, doctor, tmp_path, monkeypatch):
        (tmp_path / "real").mkdir(0o700)
        (tmp_path / "spool").symlink_to(tmp_path / "real")
        monkeypatch.setenv("INSTRUMENT_SPOOL_DIR", str(tmp_path / "spool"))
        assert "is a link" in doctor().of("spool")[0][1]

    def test_a_store_that_is_none(self, doctor, state):
        state.mkdir(0o700)
        (state / FILE_NAME).write_bytes(b"no database" * 1000)
        report = doctor()
        assert report.code == 1 and report.the("store")[0] == "problem" and "damaged" in report.the("store")[1]
        assert report.the("span")[0] == "ok"  # the writer has begun a new one

    def test_what_dead_and_living_processes_have(self, doctor, server, state):
        server.answer = status(503)
        with living(2):
            leave(3)  # only now: a program that starts takes over what a dead one left
            texts = [text for _, text in doctor().of("spool")]
        assert any("3 transactions and 1 error that 1 process left for Sentry wait" in text for text in texts)
        assert any("1 process at work for Sentry" in text for text in texts)

    def test_what_waits_for_long_is_a_warning(self, doctor, server, state):
        server.answer = status(503)
        leave(3)
        long_ago = _clock.wall() - 7200 * 10**9
        for log in (state / "spool").rglob("*.log"):
            content = log.read_bytes()
            found = scan(lambda size, offset, content=content: content[offset : offset + size], 0, len(content))
            log.write_bytes(b"".join(encode(frame.record, frame.sequence, long_ago) for frame in found))
        [(_, text)] = [found for found in doctor().of("spool") if found[0] == "warning"]
        assert "the oldest for 2 hours" in text and "`instrument flush`" in text

    def test_what_waits_for_others_is_told(self, doctor, server, state):
        server.answer = status(503)
        leave(3)
        texts = [text for level, text in doctor("--dsn", dsn(server.port, project=8)).of("spool") if level != "ok"]
        assert len(texts) == 1 and "1 process left wait for other destinations" in texts[0]

    def test_what_was_refused_is_told(self, doctor, server, state):
        server.answer = status(400)
        doctor()
        texts = [text for level, text in doctor().of("spool") if level == "warning"]
        assert len(texts) == 1 and "1 records that were refused for good" in texts[0]


def test_a_server_that_forks_without_threads_is_told(doctor, tmp_path, monkeypatch):
    program = tmp_path / "uwsgi"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert any("--enable-threads" in text for level, text in doctor().of("processes") if level == "warning")
    monkeypatch.setenv("UWSGI_ENABLE_THREADS", "1")
    assert [level for level, _ in doctor().of("processes") if level == "warning"] == []


def test_other_tools_are_told(doctor, tmp_path, monkeypatch):
    (tmp_path / "ddtrace").mkdir()
    (tmp_path / "ddtrace" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert any("installed: " in text and "ddtrace" in text for level, text in doctor().of("tracers") if level == "ok")
    __import__("ddtrace")
    try:
        assert any("ddtrace" in text for level, text in doctor().of("tracers") if level == "warning")
    finally:
        del sys.modules["ddtrace"]


def test_a_check_that_fails_itself_hides_no_other(doctor, monkeypatch):
    def look_at_stars(case):
        raise KeyError("venus")
        yield

    monkeypatch.setattr(_guard, "strict", False)
    monkeypatch.setattr(command, "CHECKS", (look_at_stars, *command.CHECKS))
    report = doctor()
    assert report.the("stars")[0] == "problem" and "KeyError" in report.the("stars")[1]
    assert report.the("span")[0] == "ok"


def run(program, *words, **variables):
    return subprocess.run(
        [sys.executable, "-c", program, "doctor", *words],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_piped_and_without_rich_each_finding_is_one_plain_line(tmp_path):
    program = "import sys\nsys.modules['rich'] = None\nfrom instrument.cli.main import main\nsys.exit(main())"
    with Server(ECHO) as server:
        done = run(program, XDG_STATE_HOME=str(tmp_path), SENTRY_DSN=dsn(server.port), COLUMNS="40")
    assert (done.returncode, done.stderr) == (1, "")
    assert KEY not in done.stdout and "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "warning", "problem"}
    assert any(line.startswith("warning") and "pip install 'instrument-traces[cli]'" in line for line in lines)
    assert any(line.startswith("problem  span") for line in lines)


def test_it_leaves_the_folders_clean_when_all_is_delivered(doctor, server, state):
    assert doctor().code == 0
    assert list((state / "spool").glob("*/*")) == []


def test_a_line_is_folded_to_the_terminal_and_keeps_its_head():
    finding = problem("span", "one two three four five six seven eight nine ten", "Do this")
    lines = render(finding, 60, color=True, ascii_only=True).splitlines()
    assert lines[0].startswith("\x1b[31mproblem \x1b[0m span ") and lines[-1].endswith("Do this.")
    assert len(lines) == 2 and lines[1].startswith(" " * 22)


def test_what_is_secret_or_would_move_the_cursor_is_taken_out():
    text = hide("http://a:b@host\x1b[2J\r\n\u202e key-of-mine", ["key-of-mine"])
    assert text == "http://***@host [2J ***"
    assert hidden(problem("x", "key-of-mine", "key-of-mine"), ["key-of-mine"]).advice == "***"


@pytest.mark.parametrize("words", [["--timeout", "0"], ["--timeout", "soon"]])
def test_a_wrong_time_is_refused(words, capsys):
    assert main(["doctor", *words]) == 2
    assert "is not a number of seconds" in capsys.readouterr().err
