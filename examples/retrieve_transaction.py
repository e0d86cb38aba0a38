"""Code that asks for the running transaction, and finds one or none.

What arrives: one transaction, op `http.server`, name `POST /avatars`, with two children: `middleware`, in which the
function was called, and beside it `encode` / `parse avatar images`, which the function made a child of the transaction
itself. Its first call, outside any transaction, leaves nothing.
"""

import instrument
from instrument import span, transaction

instrument.init()


def parse_avatars(images):
    running = instrument.get_current_hub().scope.get_transaction()
    if running is None:
        print("no transaction")
        return [image.upper() for image in images]

    # A child that is started like this lasts until its `finish`, and is not current meanwhile.
    child = running.start_child(op="encode", description="parse avatar images")
    try:
        return [image.upper() for image in images]
    finally:
        child.finish()


def main():
    parse_avatars(["ada", "grace"])

    with transaction(op="http.server", name="POST /avatars"), span("middleware", "session"):
        parse_avatars(["ada", "grace"])


if __name__ == "__main__":
    main()
