"""Generators advanced in turn, decorated or not, each holding blocks, have the right children."""

import pytest

from instrument import get_current_span, span, traced, transaction
from instrument.testing import record
from tests.outline import outline, outline_of

maybe = pytest.mark.parametrize(
    "decorate", [traced, transaction, lambda function: function], ids=["traced", "transaction", "undecorated"]
)


def generators(decorate):
    def body(name):
        with span("step", f"{name} first"):
            with span("step", f"{name} second"):
                yield 1
                with span("step", f"{name} deep"):
                    pass
            yield 2
            step(f"{name} shallow")

    @decorate
    def left():
        yield from body("left")

    @decorate
    def right():
        yield from body("right")

    return left(), right()


def step(name):
    with span("step", name):
        pass


@maybe
def test_in_turn(decorate):
    def run():
        here = get_current_span()
        left, right = generators(decorate)
        for number in range(2):
            next(left)
            assert get_current_span() is here
            next(right)
            assert get_current_span() is here
            step(f"consumer {number}")
        for each in (left, right):
            assert list(each) == []
            assert get_current_span() is here
        step("after")

    def expected(name):
        below = [f"{name} first", f"  {name} second", f"    {name} deep", f"  {name} shallow"]
        return [name, *("  " + line for line in below)] if decorate in (traced, transaction) else below

    assert outline_of(run) == [*expected("left"), *expected("right"), "consumer 0", "consumer 1", "after"]


@maybe
def test_one_inside_the_other(decorate):
    @decorate
    def inner():
        with span("step", "inner held"):
            yield 1
            step("inner step")
            yield 2

    @decorate
    def outer():
        with span("step", "outer held"):
            for number in inner():
                step(f"outer step {number}")
                yield number

    def run():
        for number in outer():
            step(f"consumer {number}")

    if decorate in (traced, transaction):
        assert outline_of(run) == [
            "outer",
            "  outer held",
            *(("    inner", "      inner held", "        inner step") if decorate is traced else ()),
            *("    outer step 1", "    outer step 2"),
            *(("inner", "  inner held", "    inner step") if decorate is transaction else ()),
            *("consumer 1", "consumer 2"),
        ]
    else:
        assert outline_of(run) == [
            "outer held",
            *("  inner held", "    inner step", "  outer step 1", "  outer step 2"),
            *("consumer 1", "consumer 2"),
        ]


@maybe
def test_one_started_outside_and_advanced_inside_another(decorate):
    @decorate
    def numbers():
        with span("step", "held"):
            for number in range(3):
                step(f"number {number}")
                yield number

    @decorate
    def driver(made):
        with span("step", "driving"):
            next(made)
            step("driver")
            yield

    def run():
        made = numbers()
        next(made)
        list(driver(made))
        next(made)
        made.close()
        assert get_current_span().description is None

    outlined = [line.replace("  ", "") for line in outline_of(run)]
    first = ["numbers"] if decorate in (traced, transaction) else []
    second = ["driver"] if decorate in (traced, transaction) else []
    assert outlined == [*first, "held", "number 0", "number 1", "number 2", *second, "driving", "driver"]


@maybe
def test_async_generators_in_turn(decorate):
    def made(name):
        @decorate
        async def numbers():
            with span("step", f"{name} held"):
                for number in range(2):
                    step(f"{name} {number}")
                    yield number

        return numbers()

    async def run():
        here = get_current_span()
        left, right = made("left"), made("right")
        async for _ in left:
            async for _ in right:
                step("consumer")
                assert get_current_span() is here
        assert get_current_span() is here

    outlined = [line for line in outline_of(run) if not line.strip().startswith("numbers")]
    indent = "  " if decorate in (traced, transaction) else ""
    assert sorted(outlined) == sorted(
        [
            *(indent + line for line in ("left held", "  left 0", "  left 1")),
            *(indent + line for line in ("right held", "  right 0", "  right 1")),
            *("consumer", "consumer"),
        ]
    )


def test_the_lookup_is_plain_again_when_nothing_is_held():
    from instrument.recording import unusual

    def numbers():
        with span("step", "held"):
            yield 1

    with record() as recorded:
        with transaction("test", "outside"):
            made = numbers()
            next(made)
            assert unusual
            made.close()
            assert not unusual
            made = numbers()
            next(made)
            del made
            assert not unusual
        assert outline(recorded) == ["held", "held"]
