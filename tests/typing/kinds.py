"""A program that a type checker must find nothing wrong with: every decorated thing has the type it had before."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Awaitable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

from instrument import (
    Client,
    Span,
    Transaction,
    continue_trace,
    get_current_span,
    init,
    span,
    start_transaction,
    traced,
    transaction,
)
from instrument.exporters import Console, Memory, Sentry
from instrument.testing import record


@traced
def plain(number: int, *, name: str = "") -> str:
    return name * number


@traced(op="task", description=lambda number: f"number {number}", capture=("number",))
def with_settings(number: int) -> int:
    return number


@transaction
def job(number: int) -> int:
    return number


@transaction(op="job", name="nightly", sampled=True)
def job_with_settings(number: int) -> int:
    return number


@traced
async def coroutine(number: int) -> bytes:
    return bytes(number)


@traced
def generator(count: int) -> Generator[int, str, bool]:
    sent = yield count
    return sent == ""


@transaction
async def async_generator(count: int) -> AsyncIterator[int]:
    yield count


@traced
@contextmanager
def above(value: int) -> Iterator[int]:
    yield value


@contextmanager
@traced
def below(value: int) -> Iterator[int]:
    yield value


@asynccontextmanager
@traced
async def async_below(value: int) -> AsyncIterator[int]:
    yield value


@traced
def returns_awaitable(value: int) -> Awaitable[int]:
    raise NotImplementedError(value)


@traced
class Order:
    def __init__(self, number: int) -> None:
        self.number = number

    @traced
    def method(self, factor: int) -> int:
        return self.number * factor

    @traced
    @staticmethod
    def above_static(value: int) -> int:
        return value

    @staticmethod
    @traced
    def below_static(value: int) -> int:
        return value

    @transaction
    @classmethod
    def above_class(cls, number: int) -> Order:
        return cls(number)

    @classmethod
    @transaction
    def below_class(cls, number: int) -> Order:
        return cls(number)

    @property
    @traced
    def value(self) -> int:
        return self.number

    @functools.cached_property
    @traced
    def cached(self) -> int:
        return self.number


class Express(Order):
    pass


class Greeter:
    def __call__(self, name: str) -> str:
        return name


def check() -> None:
    assert_type(plain(1, name="x"), str)
    assert_type(with_settings(1), int)
    assert_type(job(1), int)
    assert_type(job_with_settings(1), int)
    assert_type(generator(1), Generator[int, str, bool])
    assert_type(async_generator(1), AsyncIterator[int])
    with above(1) as first, below(2) as second:
        assert_type(first, int)
        assert_type(second, int)
    managed: AbstractAsyncContextManager[int] = async_below(1)
    assert managed is not None
    assert_type(Order(1), Order)
    assert_type(Order(1).method(2), int)
    assert_type(Order.above_static(1), int)
    assert_type(Order.below_static(1), int)
    assert_type(Order.above_class(1), Order)
    assert_type(Express.below_class(1), Order)
    assert_type(Order(1).value, int)
    assert_type(Order(1).cached, int)
    assert_type(traced(Greeter())("x"), str)
    assert_type(traced(functools.partial(plain, 1))(), str)
    assert_type(traced(Order(1).method)(2), int)
    with span("step", "inner", data={"rows": 3}) as inner, inner.start_child("step") as child:
        assert_type(inner, Span)
        assert_type(child, Span)
    with transaction("job", "nightly") as running:
        assert_type(running, Transaction)
    with start_transaction("job", "nightly") as started, continue_trace({}, "job") as continued:
        assert_type(started, Transaction)
        assert_type(continued, Transaction)
    assert_type(get_current_span(), "Span | None")


async def check_async() -> None:
    assert_type(await coroutine(1), bytes)
    assert_type(await returns_awaitable(1), int)
    async for number in async_generator(1):
        assert_type(number, int)
    async with async_below(1) as value:
        assert_type(value, int)
    async with span("step", "inner") as inner, transaction("job", "nightly") as running:
        assert_type(inner, Span)
        assert_type(running, Transaction)


class Destination:
    def export(self, event: object) -> None:
        pass

    def flush(self, timeout: float | None) -> bool:
        return True

    def close(self, timeout: float | None) -> bool:
        return True


def configure(settings: dict[str, Any]) -> None:
    """Every form that an option may have."""
    assert_type(init("https://key@host/1", traces_sample_rate=None, release="shop@1", org_id=7), Client)
    init(exporter=["console", Memory(), Destination()], integrations=["sqlite3"], max_request_body_size="small")
    init(exporter=[Console(), Sentry("https://key@host/1")], ignore_errors=[KeyError, "ValueError"])
    init(exporter="local", traces_sampler=lambda context: context["parent_sampled"], store_path=Path("traces.db"))
    init(scrub={"card": False, "order": r"ORD-[0-9]{8}", "salary": ["wage"]}, ignore_transactions=re.compile("x"))
    init(**settings)
    with record(deterministic=True, send_default_pii=True) as recorded:
        assert_type(recorded.count(op="db"), int)


def later(made: Any) -> None:
    """What the checker cannot know stays unknown."""
    traced(made)(1)


@traced("task")
def with_op(number: int) -> int:
    return number


@transaction("job")
def job_with_op(number: int) -> int:
    return number


assert_type(with_op(1), int)
assert_type(job_with_op(1), int)
