"""What a program gives by mistake: it is recorded as well as can be, and the program goes on."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import pytest

import instrument
from instrument.exporters import Memory


class Endless(Mapping[str, int]):
    """A mapping that never comes to an end."""

    def __getitem__(self, key: str) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        while True:
            yield "key"

    def __len__(self) -> int:
        return 1


class Spiteful:
    """An object that resists every question."""

    def _resist(self, *args: Any) -> Any:
        raise OSError("no")

    __bool__ = __eq__ = __hash__ = __iter__ = __len__ = __repr__ = __str__ = _resist
    __class__ = property(_resist)  # type: ignore[assignment]


WRONG: dict[str, Any] = {
    "bytes": b"bytes",
    "text": "text",
    "int": 2**70,
    "nan": float("nan"),
    "list": ["a"],
    "dict": {1: 2},
    "object": object(),
    "range": range(3),
    "spiteful": Spiteful(),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_transaction_begun_with_wrong_values_is_recorded(kind: str) -> None:
    given = WRONG[kind]
    memory = Memory()
    instrument.init(exporter=memory)
    with instrument.transaction(given, given, data=given, source=given) as begun:
        begun.set_name(given)
    with instrument.transaction("op", "name", sampled=given, sampling_context=given):
        pass
    assert len(memory.transactions) == 2


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_crumb_is_kept_and_a_wrong_level_does_not_hold_a_message_back(kind: str) -> None:
    given = WRONG[kind]
    memory = Memory()
    instrument.init(exporter=memory)
    instrument.add_breadcrumb(given)
    assert instrument.capture_message(given, given) is not None
    (error,) = memory.errors
    assert len(error.breadcrumbs) == 1


def test_a_crumb_that_is_no_dict_is_its_message() -> None:
    memory = Memory()
    instrument.init(exporter=memory)
    instrument.add_breadcrumb("a lamp")  # type: ignore[arg-type]
    instrument.add_breadcrumb(Endless(), category="endless")
    instrument.capture_message("told")
    first, second = memory.errors[0].breadcrumbs
    assert first["message"] == "a lamp"
    assert second["category"] == "endless" and "Endless" in second["message"]


def test_a_crumb_of_many_fields_is_cut() -> None:
    memory = Memory()
    instrument.init(exporter=memory)
    instrument.add_breadcrumb({f"field {number}": number for number in range(100_000)})
    instrument.capture_message("told")
    assert len(memory.errors[0].breadcrumbs[0]) < 110


def test_data_of_a_transaction_may_be_any_mapping() -> None:
    memory = Memory()
    instrument.init(exporter=memory)
    with instrument.transaction("op", "name", data=ChainMap({"a": 1}, {"b": 2})):
        pass
    assert memory.transactions[0].data == {"a": 1, "b": 2}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_http_code_is_recorded_as_given(kind: str) -> None:
    memory = Memory()
    instrument.init(exporter=memory)
    with instrument.transaction("op", "name") as begun:
        begun.set_http_status(WRONG[kind])
    assert memory.transactions[0].tags is not None


@pytest.mark.parametrize("code", [404, "404", HTTPStatus.NOT_FOUND])
def test_an_http_code_may_be_a_number_a_text_or_a_status(code: Any) -> None:
    memory = Memory()
    instrument.init(exporter=memory)
    with instrument.transaction("op", "name") as begun:
        begun.set_http_status(code)
    (item,) = memory.transactions
    assert (item.status, item.tags["http.status_code"]) == ("not_found", "404")
    assert item.data["http.response.status_code"] == 404


def test_a_span_and_a_scope_hold_so_many_entries_and_no_more() -> None:
    memory = Memory()
    instrument.init(exporter=memory)
    with (
        instrument.transaction("op", "name") as begun,
        instrument.span("op", data={f"d{n}": n for n in range(999)}) as one,
    ):
        for number in range(999):
            begun.set_data(f"data {number}", number)
            begun.set_tag(f"tag {number}", number)
            begun.set_measurement(f"measured {number}", number)
            begun.set_context(f"context {number}", {"number": number})
            instrument.set_tag(f"tag {number}", number)
            instrument.set_extra(f"extra {number}", number)
            instrument.set_context(f"context {number}", {"number": number})
        begun.set_data("data 0", "changed")
        scope = instrument.get_current_scope()
        held = (begun.data, begun.tags, begun.measurements, begun.contexts, scope.tags, scope.extra, scope.contexts)
        for mapping in (*held, one.data):
            assert mapping is not None and 199 <= len(mapping) <= 200
        assert begun.data is not None and begun.data["data 0"] == "changed"
        assert begun.data["..."] == scope.tags["..."] == "800 more"
        begun.update_data({f"new {number}": number for number in range(100)})
        assert begun.data["..."] == "900 more"
