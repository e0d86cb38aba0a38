"""What was recorded, as an outline to compare with: a line for each span and transaction, two blanks for each level."""

import asyncio

import pytest

from instrument import traced, transaction
from instrument.testing import record

either = pytest.mark.parametrize("decorate", [traced, transaction], ids=["traced", "transaction"])
"""Runs a test with both decorators. The outline is the same: a transaction stands where the span would."""


def outline(recorded, outside="outside"):
    """All in the order of their starts, without the last name's prefixes; what is below `outside` counts as the top."""
    nodes, top = {}, []
    for item in recorded.transactions:
        nodes[item.span_id] = (item.time, item.parent_span_id, item.name, item.status)
        for span in item.spans:
            nodes[span.span_id] = (item.epoch + span.start_ticks, span.parent_span_id, span.description, span.status)
    hidden = {key for key, node in nodes.items() if node[2] == outside}
    top = [key for key, node in nodes.items() if key not in hidden and (node[1] in hidden or node[1] not in nodes)]

    def lines(keys, depth):
        for key in sorted(keys, key=lambda key: nodes[key][0]):
            _, _, name, status = nodes[key]
            yield "  " * depth + str(name).rpartition(".")[2] + (f" [{status}]" if status else "")
            yield from lines([child for child, node in nodes.items() if node[1] == key], depth + 1)

    return list(lines(top, 0))


def outline_of(work, **options):
    """The outline of `work()`, done within a transaction; a coroutine function runs in a loop of its own."""
    with record(**options) as recorded:
        if asyncio.iscoroutinefunction(work):

            async def run():
                async with transaction("test", "outside"):
                    await work()

            asyncio.run(run())
        else:
            with transaction("test", "outside"):
                work()
        assert recorded.stats().balanced
        return outline(recorded)


def data_of(recorded, name):
    """The data of the one span or transaction whose name ends so."""
    found = [item.data for item in recorded.transactions if item.name.endswith(name)]
    found += [span.data or {} for span in recorded.spans if str(span.description).endswith(name)]
    (data,) = found
    return data
