"""A transaction that is started by hand and put nowhere.

What arrives: one transaction, op `test`, name `first transaction`, without children: nobody told the HTTP request that
it is part of it. And one error event, which is not part of its trace either: it carries the ids of the scope's own
trace, and so do the headers that the called service was sent. Compare `manual_transaction_on_scope.py`.
"""

from urllib.request import urlopen

from callee import callee

import instrument

instrument.init()


def main():
    transaction = instrument.start_transaction(op="test", name="first transaction")

    with callee() as service:
        with urlopen(service.url) as answer:
            answer.read()
        print("sentry-trace:", service.headers_seen.get("sentry-trace", "none"))

    try:
        {}["missing"]
    except KeyError as error:
        instrument.capture_exception(error)

    transaction.finish()


if __name__ == "__main__":
    main()
