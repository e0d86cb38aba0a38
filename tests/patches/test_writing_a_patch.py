"""The patch that `docs/writing-a-patch.md` shows works as it stands, and keeps to what the page says."""

import re
import smtplib
import socketserver
import threading
from pathlib import Path

import pytest

import instrument
from instrument.exporters import Memory
from tests.contracts.web import LIMIT

PAGE = (Path(__file__).parents[2] / "docs" / "writing-a-patch.md").read_text("utf-8")


class PostOffice(socketserver.StreamRequestHandler):
    """Takes mails for anybody but `nobody`."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line.split()[0].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline().rstrip() != b".":
                    pass
            code = b"550" if b"<nobody@" in line else b"221" if word == b"QUIT" else b"250"
            self.wfile.write(code + b" so be it\r\n")


@pytest.fixture
def office():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), PostOffice) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address
        server.shutdown()
        thread.join(LIMIT)


@pytest.fixture
def memory():
    memory = Memory()
    [example] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    names = {}
    exec(compile(example, "writing-a-patch.md", "exec"), names)
    instrument.init(exporter=memory, integrations=[names["Smtp"]()])
    yield memory
    instrument.unpatch()


def send(office, *recipients):
    with smtplib.SMTP(*office, timeout=LIMIT) as connection:
        return connection.sendmail("me@example.com", list(recipients), "Subject: hello\r\n\r\nhello")


def test_a_mail_is_a_span(office, memory):
    with instrument.transaction("test", "mail"):
        refused = send(office, "you@example.com", "nobody@example.com")
    assert list(refused) == ["nobody@example.com"]
    [span] = memory.transactions[0].spans
    assert (span.op, span.description, span.status) == ("mail.send", "sendmail 127.0.0.1", "ok")
    assert span.data == {"sentry.origin": "auto.mail.smtplib", "mail.recipients": 2, "mail.refused": 1}


def test_what_goes_wrong_ends_the_span_and_raises_as_ever(office, memory):
    with instrument.transaction("test", "mail"), pytest.raises(smtplib.SMTPRecipientsRefused):
        send(office, "nobody@example.com")
    assert [span.status for span in memory.transactions[0].spans] == ["internal_error"]


def test_outside_a_transaction_and_taken_off_nothing_is_recorded(office, memory):
    send(office, "you@example.com")
    instrument.unpatch("smtplib")
    with instrument.transaction("test", "mail"):
        send(office, "you@example.com")
    assert [item.spans for item in memory.transactions] == [[]]
    (state,) = (state for state in instrument.patches() if state.name == "smtplib")
    assert (state.state, state.faults) == ("off", 0)


def test_every_file_that_the_page_names_is_there():
    root = Path(__file__).parents[2]
    for name in re.findall(r"`([\w/]+/[\w.]+\.py)`", PAGE):
        assert (root / name).exists(), name
    for name in re.findall(r"\]\(([\w.-]+)\)", PAGE):
        assert (root / "docs" / name).exists(), name
