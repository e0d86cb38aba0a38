"""`instrument audit`: which secrets the stored traces contain."""

import json

import pytest

import instrument
from instrument import capture_exception, span, transaction
from instrument.cli.main import main
from instrument.exporters import Local

SECRET = "pl4nted-s3cret"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "traces.db"


def recorded(store, **options):
    instrument.init(exporter=Local(store), service_name="shop", **options)
    with transaction("task", "nightly", data={"password": SECRET}):
        with span("db", f"SELECT '{SECRET}'", data={"note": f"http://a:{SECRET}@h/"}):
            pass
        try:
            raise ValueError(f"token={SECRET}")
        except ValueError:
            capture_exception()
    assert instrument.flush(30)
    instrument.close()


def audit(capsys, store, *words):
    code = main(["audit", "--store", str(store), *words])
    return code, capsys.readouterr().out


def test_an_empty_store_says_how_to_fill_it(capsys, store):
    code, said = audit(capsys, store)
    assert code == 0 and str(store) in said


def test_what_was_filtered_is_told_by_rule_place_and_program(capsys, store):
    recorded(store)
    code, said = audit(capsys, store, "--json", "--strict")
    rows = {(row["rule"], row["place"], row["filtered"], row["process"]) for row in json.loads(said)}
    assert code == 0
    assert {
        ("password", "contexts.trace.data.password", True, "shop"),
        ("sql", "spans.description", True, "shop"),
        ("url", "spans.data.note", True, "shop"),
        ("token", "exception.values.value", True, "shop"),
    } <= rows
    assert all(row[2] for row in rows)


def test_what_stands_in_clear_is_told_and_never_shown(capsys, store):
    off = dict.fromkeys(["password", "sql", "url", "token", "bearer"], False)
    recorded(store, scrub=off)
    code, said = audit(capsys, store, "--strict")
    assert code == 3
    assert SECRET not in said
    lines = [line.split() for line in said.splitlines()]
    assert ["password", "IN", "CLEAR", "1", "contexts.trace.data.password", "shop"] in [line[:6] for line in lines]
    assert any(line[:3] == ["sql", "IN", "CLEAR"] and line[4] == "spans.description" for line in lines)
    assert "in clear" in said


def test_one_trace_can_be_chosen(capsys, store):
    recorded(store)
    _, said = audit(capsys, store, "--json")
    trace_id = json.loads(said)[0]["trace_id"]
    recorded(store)
    _, said = audit(capsys, store, "--json", trace_id)
    assert {row["trace_id"] for row in json.loads(said)} == {trace_id}


def test_nothing_found_is_said(capsys, store):
    instrument.init(exporter=Local(store))
    with transaction("task", "nightly"):
        pass
    assert instrument.flush(30)
    instrument.close()
    assert "No rule finds anything in 1 trace." in audit(capsys, store)[1]
