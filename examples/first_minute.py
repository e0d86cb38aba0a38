"""A first minute: a decorated function and a block, in a transaction.

What arrives: one transaction, op `job`, name `nightly`, with three children of op `task`, each of which has one child
`encode` / `parse avatar images` with the data `bytes`.
"""

import instrument
from instrument import span, traced, transaction

instrument.init()  # no DSN: traces land in a local file, `instrument list` shows them


@traced(op="task")
def process_item(item):
    with span("encode", "parse avatar images") as s:
        s.set_data("bytes", len(item))


def main():
    items = [b"one", b"two", b"three"]
    with transaction(op="job", name="nightly"):
        for item in items:
            process_item(item)


if __name__ == "__main__":
    main()
