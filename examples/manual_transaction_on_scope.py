"""A transaction that is started by hand and put on the scope.

What arrives: one transaction, op `test`, name `first transaction`, with one child: the HTTP request, op `http.client`.
The service that was called has been sent headers that continue the trace beneath that child. And one error event, whose
trace context is the transaction's own: the same trace id, and its span id.
"""

from urllib.request import urlopen

from callee import callee

import instrument

instrument.init()


def main():
    transaction = instrument.start_transaction(op="test", name="first transaction")

    # From here on what happens in this context belongs to the transaction.
    instrument.configure_scope(lambda scope: scope.set_span(transaction))

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
