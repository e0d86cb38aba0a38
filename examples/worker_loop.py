"""A worker that starts a transaction for each item and passes it on.

What arrives: four transactions of op `task`, one for each item and named after its kind: `resize` twice from the plain
worker, `publish` twice from the async one. Each is a trace of its own, with two children: `load` with a tag, and
`encode` with data; where an item is empty, the status of `load` is `invalid_argument`, and there is no `encode`.
"""

import asyncio
from dataclasses import dataclass

import instrument

instrument.init()


@dataclass
class Item:
    number: int
    kind: str
    content: bytes


def process_item(item, transaction):
    with transaction.start_child("load", f"{item.kind} {item.number}") as loading:
        loading.set_tag("kind", item.kind)
        if not item.content:
            loading.set_status("invalid_argument")
            return
    with transaction.start_child("encode", "parse avatar images") as encoding:
        encoding.set_data("bytes", len(item.content))


async def process_item_async(item, transaction):
    async with transaction.start_child("load", f"{item.kind} {item.number}") as loading:
        loading.set_tag("kind", item.kind)
        await asyncio.sleep(0)
        if not item.content:
            loading.set_status("invalid_argument")
            return
    async with transaction.start_child("encode", "parse avatar images") as encoding:
        await asyncio.sleep(0)
        encoding.set_data("bytes", len(item.content))


def work(items):
    for item in items:
        transaction = instrument.start_transaction(op="task", name=item.kind)
        try:
            process_item(item, transaction)
        finally:
            transaction.finish()


async def work_async(items):
    async def work_on(item):
        transaction = instrument.start_transaction(op="task", name=item.kind)
        try:
            await process_item_async(item, transaction)
        finally:
            transaction.finish()

    # At the same time: each item's spans go where it says, to the transaction that it was passed.
    await asyncio.gather(*map(work_on, items))


def main():
    work([Item(1, "resize", b"a picture"), Item(2, "resize", b"")])
    asyncio.run(work_async([Item(3, "publish", b"a page"), Item(4, "publish", b"another page")]))


if __name__ == "__main__":
    main()
