"""What holds for every test: no settings and no state of the developer's, no network beyond loopback, no hidden fault.

Each test runs in a context of its own, so a span that one leaves current is not the parent of the next one's.
"""

import contextvars
import functools
import os
import socket
import sys
import tempfile

import pytest

from instrument import _guard

_guard.strict = True
for _name in list(os.environ):
    if _name.startswith(("INSTRUMENT_", "SENTRY_", "OTEL_")) or _name.upper().endswith("_PROXY"):
        del os.environ[_name]


@pytest.fixture(autouse=True)
def _own_world(monkeypatch):
    """A home and a state folder that are empty, a guard that has said nothing yet, and no client left behind."""
    with tempfile.TemporaryDirectory(prefix="home-", ignore_cleanup_errors=True) as home:
        for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_STATE_HOME"):
            monkeypatch.setenv(name, home)
        monkeypatch.setattr(_guard, "_said", {})
        yield
        package = sys.modules["instrument"]
        if hasattr(package, "close"):
            package.close(timeout=1)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    test = pyfuncitem.obj
    context = contextvars.copy_context()

    @functools.wraps(test)
    def in_own_context(*args, **kwargs):
        return context.run(test, *args, **kwargs)

    pyfuncitem.obj = in_own_context
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


def _is_here(address):
    host = address[0] if isinstance(address, tuple) else "localhost"
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _only_here(connect):
    @functools.wraps(connect)
    def connect_here(self, address):
        if not _is_here(address):
            pytest.fail(f"a test tried to reach {address!r}; tests speak to this machine only")
        return connect(self, address)

    return connect_here


socket.socket.connect = _only_here(socket.socket.connect)
socket.socket.connect_ex = _only_here(socket.socket.connect_ex)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """On the build server a test that did not run has failed, unless it needs another version of Python."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith("needs Python"):
            report.outcome, report.longrepr = "failed", f"skipped on the build server: {reason}"
    return report


pytest_make_collect_report = pytest_runtest_makereport
