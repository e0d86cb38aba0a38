"""Names that take too many values."""

import logging

import pytest

from instrument import span, transaction
from instrument.processing.templates import template_of
from instrument.testing import record


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("/users/17/orders/3.json", "/users/{id}/orders/{id}.json"),
        ("GET http://h:80/o/550e8400-e29b-41d4-a716-446655440000", "GET http://h:80/o/{id}"),
        ("/blob/9f86d081884c7d65/raw", "/blob/{id}/raw"),
        ("/users/me", "/users/me"),
        ("/v2/items", "/v2/items"),
        ("/faces/deadbeef/feed", "/faces/deadbeef/feed"),
        ("job 17", "job 17"),
        ("SELECT a/2 FROM t WHERE x IN (?, ?, ?)", "SELECT a/2 FROM t WHERE x IN (?, ...)"),
        ("x" * 5000 + "/1", "x" * 5000 + "/1"),
    ],
)
def test_ids_have_a_place_in_the_template(name, template):
    assert template_of(name) == template


def visit(number):
    with transaction("http.server", f"/users/{number}", source="url"):
        child = span("http.client", f"GET http://pay/{number}")
        with child:
            pass


def test_a_few_names_stay_as_they_are():
    with record() as recorded:
        for number in range(50):
            visit(number)
    assert [item.name for item in recorded.transactions] == [f"/users/{number}" for number in range(50)]


def test_too_many_names_become_one_and_what_they_were_is_data(caplog):
    with record() as recorded, caplog.at_level(logging.WARNING, "instrument"):
        for number in range(60):
            visit(number)
    last = recorded.transactions[-1]
    assert (last.name, last.source, last.data["unfolded.name"]) == ("/users/{id}", "route", "/users/59")
    assert last.spans[0].description == "GET http://pay/{id}"
    assert last.spans[0].data["unfolded.name"] == "GET http://pay/59"


def test_one_warning_names_the_line_that_makes_the_names(caplog):
    with record(), caplog.at_level(logging.WARNING, "instrument"):
        for number in range(200):
            visit(number)
    lines = [entry.getMessage() for entry in caplog.records]
    first = visit.__code__.co_firstlineno
    assert len(lines) == 2
    assert "transactions with ids" in lines[0] and f"{__file__}, line {first + 1}" in lines[0]
    assert "spans with ids" in lines[1] and f"{__file__}, line {first + 2}" in lines[1]


def test_a_route_is_not_folded():
    with record() as recorded:
        for number in range(60):
            with transaction("http.server", f"/year/{number}", source="route"):
                pass
    assert len({item.name for item in recorded.transactions}) == 60
