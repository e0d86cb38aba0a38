"""Celery with a pool of processes: what fails in them is told once, with the task it happened to."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from instrument import transaction
from instrument.testing import record
from tests.contracts.http_server import Ear

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def worker(folder, ear):
    command = [sys.executable, "-m", "celery", "-A", "tests.middleware.pages_celery", "worker", "--pool", "prefork"]
    quiet = ["-c", "1", "--loglevel", "ERROR", "--without-mingle", "--without-gossip", "--without-heartbeat"]
    given = {"EAR": str(ear.port), "FOLDER": str(folder), "C_FORCE_ROOT": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, *quiet], cwd=ROOT, env={**os.environ, **given}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Sends tasks to a worker, and one more when all have failed: tells the transactions, and all errors there are."""
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.delitem(sys.modules, "tests.middleware.pages_celery", raising=False)
    from tests.middleware.pages_celery import app

    ear = Ear()

    def names(trace_id):
        return {item["transaction"] for item in ear.of(trace_id).transactions}

    def told(failing, *others):
        with worker(tmp_path, ear), record(), transaction("job", "sell") as sender:
            for name in (*failing, *others):
                app.send_task(name)
            ear.of(sender.trace_id, errors=len(failing))
            app.send_task("shop.done")
            while not names(sender.trace_id) >= {*others, "shop.done"}:
                ear.of(sender.trace_id, transactions=len(ear.of(sender.trace_id).transactions) + 1)
        return sender, [one for one in ear._events if "type" not in one]

    yield told
    ear.close()


def test_what_fails_in_a_process_is_captured_once_with_its_task(told):
    sender, errors = told(["shop.local", "shop.slow"], "shop.reject")
    # A broker of files keeps no order.
    kinds = sorted(error["exception"]["values"][-1]["type"].rpartition(".")[2] for error in errors)
    assert kinds == ["Local", "TimeLimitExceeded"], errors
    assert sorted(error["transaction"] for error in errors) == ["shop.local", "shop.slow"]
    assert {error["contexts"]["trace"]["trace_id"] for error in errors} == {sender.trace_id}
