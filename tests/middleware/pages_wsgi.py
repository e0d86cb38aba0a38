"""The pages as a plain WSGI application."""

import os

import instrument
from instrument.middleware.wsgi import Tracing
from tests.middleware import pages


def plain(environ, start_response):
    _, page, *rest = (
        environ["PATH_INFO"].partition("://")[2][9:].split("/")
        if "://" in environ["PATH_INFO"]
        else (environ["PATH_INFO"].split("/"))
    )
    if page.endswith("example"):
        page, *rest = rest
    if page == "boom":
        pages.boom(rest[0])
    if page in ("stream", "broken", "endless"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return getattr(pages, page)(*map(int, rest))
    code, text = answer(page, rest)
    start_response(code, [("Content-Type", "text/plain"), pages.seen()])
    return [text.encode()] if environ["REQUEST_METHOD"] != "HEAD" else []


def answer(page, rest):
    if page == "users":
        return "200 OK", pages.user(*rest)
    if page == "own":
        return "200 OK", pages.own(*rest)
    if page == "note":
        return "200 OK", pages.note()
    if page == "healthz":
        return "200 OK", "well"
    if page == "teapot":
        return "418 I'm a teapot", "short and stout"
    return "404 Not Found", "nothing here"


app = Tracing(plain)

if "EAR" in os.environ:
    instrument.init(exporter=pages.Mouth(int(os.environ["EAR"])))
