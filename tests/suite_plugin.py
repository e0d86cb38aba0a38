"""For pytest, in a child of `tests.suites`: every test runs in a transaction, and what became of it is written down.

It is copied beside the other people's tests, whose folder may be called `tests` as well.
"""

import functools
import os

import pytest
from suites import begin, write

_folder = os.getcwd()
_memory = begin()
_outcomes = {}


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    if _memory is None:
        return (yield)
    import instrument

    test = pyfuncitem.obj

    @functools.wraps(test)
    def in_a_transaction(*args, **kwargs):
        with instrument.transaction("test", pyfuncitem.nodeid):
            return test(*args, **kwargs)

    pyfuncitem.obj = in_a_transaction
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


def pytest_runtest_logreport(report):
    if report.outcome != "passed" or report.when == "call":
        _outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish():
    write(_folder, _outcomes, _memory)
