"""A program with one mistake on each line that says so: the decorators must not hide them from a type checker."""

# ruff: noqa: B018

from __future__ import annotations

from collections.abc import Iterator

from instrument import init, span, traced, transaction
from instrument.testing import record


@traced
def plain(number: int) -> str:
    return str(number)


@transaction(op="job")
async def coroutine(number: int) -> int:
    return number


@traced
def generator() -> Iterator[int]:
    yield 1


@traced
class Order:
    def __init__(self, number: int) -> None:
        self.number = number


async def check() -> None:
    plain("1")  # mistake: arg-type
    plain()  # mistake: call-arg
    plain(1).missing  # mistake: attr-defined
    await coroutine(number="1")  # mistake: arg-type
    for item in generator():
        item.missing  # mistake: attr-defined
    Order("1")  # mistake: arg-type
    Order(1).missing  # mistake: attr-defined
    span(1)  # mistake: arg-type
    with transaction("job") as running:
        running.missing  # mistake: attr-defined
    traced(description=1)  # mistake: call-overload
    init(traces_sampl_rate=0.1)  # mistake: call-arg
    init(traces_sample_rate="0.1")  # mistake: arg-type
    init(exporter=7)  # mistake: arg-type
    record(max_spans="many")  # mistake: arg-type
