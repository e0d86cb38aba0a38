"""A program with something to show: nested spans, an error with its cause, a late part, and names that are markup."""

import sys

import instrument
from instrument import span, transaction

MARKUP = "<img src=x onerror=\"document.title='owned'\">"


def charge(amount):
    try:
        raise KeyError(MARKUP)
    except KeyError as inner:
        raise ValueError(f"cannot charge {amount}") from inner


def checkout():
    with transaction("http.server", "POST /checkout") as order:
        order.set_tag("region", MARKUP)
        instrument.add_breadcrumb(category=MARKUP, message=MARKUP, data={MARKUP: MARKUP})
        with span("db", "SELECT 1") as query:
            query.set_data(MARKUP, {"deep": [MARKUP]})
        with span("http.client", "GET stock"), span("cache", MARKUP):
            pass
        try:
            with span(MARKUP, "charge"):
                charge(MARKUP)
        except ValueError as error:
            instrument.capture_exception(error)
        late = order.start_child("mail", "receipt")
    late.finish()


def batch(count):
    with transaction("job", MARKUP):
        for number in range(count):
            with span("task", f"file {number}"), span("db", "INSERT"):
                pass


if __name__ == "__main__":
    instrument.init(service_name="shop", max_spans=100_000)
    for name in sys.argv[1:]:
        checkout() if name == "checkout" else batch(int(name))
    instrument.close(10)
