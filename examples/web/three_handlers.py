"""The three handlers around an application, as three middlewares in their order; `Tracing(app)` is all three in one.

What arrives: three transactions, `GET /items/{id}`, `GET /debug` and `GET <unmatched>`, with status `ok`,
`internal_error` and `not_found`; and one error, that of `/debug`, with the trace id, the span id and the name of its
transaction, and the breadcrumb and the user of that request alone.
"""

import re
from wsgiref.util import setup_testing_defaults

import instrument
from instrument.middleware.wsgi import Tracing

instrument.init()


def shop(environ, start_response):
    path = environ["PATH_INFO"]
    instrument.set_user({"id": environ["HTTP_X_USER"]})
    instrument.add_breadcrumb(category="shop", message=f"asked for {path}")
    if re.fullmatch("/items/[0-9]+", path):
        instrument.get_current_transaction().set_name("GET /items/{id}", source="route")
        start_response("200 OK", [])
        return [b"an item"]
    if path == "/debug":
        instrument.get_current_transaction().set_name("GET /debug", source="route")
        raise RuntimeError("My first error!")
    start_response("404 Not Found", [])
    return [b"nothing here"]


# An error is captured innermost, where its transaction runs; that runs in the scope of its request.
app = Tracing(shop, isolation=False, transactions=False)
app = Tracing(app, isolation=False, errors=False)
app = Tracing(app, transactions=False, errors=False)


def answer_of_the_server(path, user):
    """What a server does with an application."""
    environ = {"PATH_INFO": path, "HTTP_X_USER": user}
    setup_testing_defaults(environ)
    statuses = []
    try:
        for _ in app(environ, lambda status, headers, error=None: statuses.append(status)):
            pass
    except RuntimeError:
        statuses.append("500 Internal Server Error")
    return statuses[-1]


def main():
    for path, user in [("/items/7", "ann"), ("/debug", "bob"), ("/nowhere", "cat")]:
        print(path, answer_of_the_server(path, user))


if __name__ == "__main__":
    main()
