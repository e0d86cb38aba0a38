"""`instrument view`: it prints an address that answers, and ends with Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from instrument.cli.main import main
from tests.store.payloads import Ids, filled, simple
from tests.transport.servers import until

LIMIT = 30.0
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)(/\S*)")


@contextmanager
def running(*words):
    """The command in a process of its own, and the line with its address."""
    command = subprocess.Popen(
        [sys.executable, "-m", "instrument", "view", "--no-browser", "--port", "0", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    try:
        yield command, ADDRESS.search(command.stdout.readline())
    finally:
        command.kill()
        command.communicate()


def ask(port, path, **headers):
    connection = HTTPConnection("127.0.0.1", int(port), timeout=LIMIT)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return reply, reply.read()
    finally:
        connection.close()


def test_the_address_answers_and_ctrl_c_ends_it(tmp_path):
    path = filled(tmp_path / "traces.db", simple(Ids()).payload)
    with running("--store", path) as (command, address):
        port, page = address.groups()
        reply, _ = ask(port, page)
        assert (reply.status, reply.getheader("Location")) == (303, "/")
        cookie = reply.getheader("Set-Cookie").partition(";")[0]
        reply, body = ask(port, "/api/traces", Cookie=cookie)
        assert [trace["name"] for trace in json.loads(body)["traces"]] == ["nightly"]
        assert command.stdout.readline() == "Ctrl-C ends this.\n"
        command.send_signal(signal.SIGINT)
        _, complained = command.communicate(timeout=LIMIT)
        assert (command.returncode, complained) == (0, "")
        with pytest.raises(ConnectionRefusedError):
            ask(port, page)


def test_a_trace_can_be_opened_by_the_first_characters_of_its_id(tmp_path):
    job = simple(Ids())
    path = filled(tmp_path / "traces.db", job.payload)
    with running("--store", path, job.trace_id[:8]) as (_, address):
        assert address[2].startswith(f"/trace/{job.trace_id}?token=")


def test_the_store_need_not_be_there_yet(tmp_path):
    with running("--store", tmp_path / "later.db") as (_, address):
        assert ask(*address.groups())[0].status == 303


def test_a_trace_that_is_not_there_is_said(tmp_path, capsys):
    path = filled(tmp_path / "traces.db", simple(Ids()).payload)
    assert main(["view", "--no-browser", "--store", str(path), "00ff"]) == 1
    assert capsys.readouterr().err == f"instrument: there is no trace '00ff' in {path}\n"


def test_a_port_that_is_taken_is_said(tmp_path):
    with running("--store", tmp_path / "traces.db") as (_, address):
        command = [sys.executable, "-m", "instrument", "view", "--no-browser", "--port", address[1]]
        taken = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (taken.returncode, taken.stdout) == (1, "")
    assert taken.stderr.startswith(f"instrument: port {address[1]} cannot be used: ")


@pytest.mark.parametrize("port", ["-1", "65536", "x", "1.5", ""])
def test_what_is_no_port_is_refused(port, capsys):
    assert main(["view", f"--port={port}"]) == 2
    assert "is not a port" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs Python with os.openpty")
def test_a_browser_is_opened_with_an_address_that_is_good_once(tmp_path):
    """Other users of the machine can see the command line of the browser."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}.new && mv {seen}.new {seen}\n')
    browser.chmod(0o755)
    ours, theirs = os.openpty()
    own = {"BROWSER": str(browser), "DISPLAY": ":0", "PYTHONPATH": os.getcwd()}
    command = subprocess.Popen(
        [sys.executable, "-m", "instrument", "view", "--port", "0", "--store", str(tmp_path / "traces.db")],
        stdout=theirs,
        env={**os.environ, **own},
    )
    os.close(theirs)
    with open(ours, "rb") as terminal:
        try:
            port, printed = ADDRESS.search(terminal.readline().decode()).groups()
            assert until(seen.exists, LIMIT)
            opened = ADDRESS.search(seen.read_text())[2]
            assert opened != printed
            assert [ask(port, page)[0].status for page in (opened, opened, printed, printed)] == [303, 403, 303, 303]
        finally:
            command.send_signal(signal.SIGINT)
            assert command.wait(LIMIT) == 0
