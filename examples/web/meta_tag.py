"""A page whose meta tags hand its trace to the browser, and a request of the browser that goes on in it.

What arrives: two transactions of one trace, `GET /` and `GET /api`; the parent of the second is the first.
"""

import re
from wsgiref.util import setup_testing_defaults

import instrument
from instrument.middleware.wsgi import Tracing

instrument.init()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [f"<!doctype html><head>{instrument.trace_meta()}</head>".encode()]


app = Tracing(app)


def ask(path, headers):
    environ = {"PATH_INFO": path, **{f"HTTP_{name.upper().replace('-', '_')}": headers[name] for name in headers}}
    setup_testing_defaults(environ)
    return b"".join(app(environ, lambda status, headers: None)).decode()


def main():
    page = ask("/", {})
    # What a browser's SDK does when it finds the tags.
    tags = dict(re.findall(r'<meta name="([a-z-]+)" content="([^"]*)">', page))
    ask("/api", {name: tags[name] for name in ("sentry-trace", "baggage")})
    print(", ".join(tags))


if __name__ == "__main__":
    main()
