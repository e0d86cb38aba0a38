"""A server for each class of contract tests, and the ear that hears what it records."""

import pytest

from tests.contracts.http_server import Ear


@pytest.fixture(scope="class")
def ear():
    ear = Ear()
    yield ear
    ear.close()


@pytest.fixture(scope="class")
def port(request, ear):
    with request.cls.serve(ear) as port:
        yield port
