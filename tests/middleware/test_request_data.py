"""What events say of a request: whose headers are told, which bodies are left out, how many headers are looked at."""

import asyncio
import io
import subprocess
import sys
import wsgiref.util

import pytest
from flask import Flask, request

import instrument
from instrument.middleware import asgi, flask
from instrument.middleware._request_data import is_personal
from instrument.middleware.wsgi import EnvironHead, Tracing
from instrument.testing import record
from instrument.wire import EventCodec
from tests.middleware.test_asgi_cases import ask, hello, scope
from tests.middleware.test_wsgi_cases import Server
from tests.middleware.test_wsgi_cases import hello as hello_wsgi

ADDRESSES = (
    "X-Envoy-External-Address Fastly-Client-IP Fly-Client-IP X-Original-Forwarded-For X-Azure-ClientIP"
    " X-Azure-SocketIP X-Appengine-User-IP X-Vercel-Forwarded-For CF-Connecting-IPv6 CF-Pseudo-IPv4"
    " X-Nf-Client-Connection-Ip True-Client-IP X-Forwarded Forwarded X-Cluster-Client-Ip X-Remote-Addr"
).split()
LOGINS = (
    "X-Forwarded-User Remote-User X-Remote-User X-Goog-Authenticated-User-Email X-Ms-Client-Principal-Name"
    " X-Amzn-Oidc-Data X-Auth-Request-Email X-Forwarded-Client-Cert From X-SSL-Client-S-DN X-SSL-Client-CN X-Client-DN"
    " X-Amzn-Mtls-Clientcert-Subject CloudFront-Viewer-Address X-Consumer-Id X-Consumer-Custom-Id"
).split()
HARMLESS = (
    "User-Agent X-Amz-User-Agent X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Port X-Forwarded-Prefix Via Accept"
    " X-Request-Id Referer Host X-Zip-Code X-Shipment X-Client-Version X-SSL-Client-Verify"
).split()


def shown_by_wsgi(headers, **options):
    given = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    with record(**options) as recorded:
        Server(Tracing(hello_wsgi)).ask(**given)
    return {name.lower(): value for name, value in recorded.transactions[0].request["headers"].items()}


def shown_by_asgi(headers, **options):
    with record(**options) as recorded:
        asyncio.run(ask(asgi.Tracing(hello), scope(headers=list(headers.items()))))
    return dict(recorded.transactions[0].request["headers"])


@pytest.mark.parametrize("shown", [shown_by_wsgi, shown_by_asgi])
def test_headers_that_proxies_and_logins_add_are_not_told_without_leave(shown):
    given = {name.lower(): "9.9.9.9 bob" for name in (*ADDRESSES, *LOGINS, *HARMLESS)}
    seen = shown(given)
    assert {name for name in given if seen[name] == "[Filtered]"} == {name.lower() for name in (*ADDRESSES, *LOGINS)}
    with_leave = shown(given, send_default_pii=True)
    assert with_leave["fly-client-ip"] == with_leave["remote-user"] == "9.9.9.9 bob"


NAMES_RUN_OUT = """
from instrument.middleware.asgi import ScopeHead
from instrument.middleware.wsgi import EnvironHead
from tests.middleware.test_request_data import shown_by_asgi, shown_by_wsgi
for shown in (shown_by_wsgi, shown_by_asgi):
    shown({f"x-{number}": "1" for number in range(250)})
    shown({f"x-more-{number}": "1" for number in range(299)})
    seen = shown({"fly-client-ip": "9.9.9.9", "cookie": "a=b", "x-real-ip": "9.9.9.9", "accept": "*/*"})
    assert "9.9.9.9" not in str(seen) and "a=b" not in str(seen), seen
    assert (seen["accept"], seen["cookie"], seen["x-real-ip"]) == ("*/*", "[Filtered]", "[Filtered]"), seen
    shown({f"x-{number}-ip": "1" for number in range(250)})
assert max(len(ScopeHead.personal), len(EnvironHead.personal)) < 100
"""


def test_nobody_is_told_of_when_no_more_names_can_be_remembered():
    done = subprocess.run([sys.executable, "-c", NAMES_RUN_OUT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_of_very_many_headers_only_the_first_are_looked_at():
    given = [*((b"x-%d" % number, b"1") for number in range(10_000)), (b"host", b"late")]
    head = asgi.ScopeHead({"type": "http", "path": "/", "headers": given}, "auto.http.asgi")
    assert 100 <= len(head.shown_headers()) == len(head.header_map()) <= 300
    assert head.scheme_and_host(head.shown_headers())[1] is None
    environ = {f"HTTP_X_{number}": "1" for number in range(10_000)}
    assert 100 <= len(EnvironHead(environ, "auto.http.wsgi").shown_headers()) <= 300
    assert len(shown_by_asgi({f"x-{number}": "1" for number in range(1000)})) == 100


@pytest.mark.parametrize(
    ("path", "name", "url"),
    [
        ("/a\nb", "GET /a%0Ab", "http://127.0.0.1/a%0Ab"),
        ("/a\n%b", "GET /a%0A%25b", "http://127.0.0.1/a%0A%25b"),
        ("/a%0Ab", "GET /a%0Ab", "http://127.0.0.1/a%250Ab"),
    ],
)
def test_a_path_is_put_into_the_form_of_a_url_once(path, name, url):
    with record() as recorded:
        Server(Tracing(hello_wsgi)).ask(path)
    (item,) = recorded.transactions
    assert (item.name, item.request["url"]) == (name, url)
    EventCodec().encode(item)


def answered(body, kind, **given):
    """What is told of a body that a view of Flask's has read."""
    return event_of(body, kind, **given).request.get("data", "nothing")


def event_of(body, kind, *, length=True, **options):
    """An error in that view."""
    app = Flask("shop")

    @app.post("/")
    def read():
        request.get_json(silent=True) if request.is_json else request.form.get("name")
        request.is_json or request.form or request.get_data()
        instrument.capture_message("read")
        return "ok"

    flask.trace(app)
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_TYPE": kind, "wsgi.input": io.BytesIO(body)}
    environ.update({"CONTENT_LENGTH": str(len(body))} if length else {"wsgi.input_terminated": True})
    wsgiref.util.setup_testing_defaults(environ)
    with record(**options) as recorded:
        answer = app(environ, lambda *_: None)
        assert b"".join(answer) == b"ok"
        answer.close()
    return recorded.errors[0]


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "kind", "length", "told"),
    [
        (b'{"name": "lamp"}', "application/json", True, {"name": "lamp"}),
        (b'{"name": "lamp"', "application/json", True, ""),
        (b"lamp", "text/plain", True, ""),
        (b'["' + b"x" * 20_000 + b'"]', "application/json", True, ""),
        (b'["' + b"x" * 20_000 + b'"]', "application/json", False, ""),
        (b"name=" + b"x" * 20_000, FORM, True, ""),
        (b"name=" + b"x" * 20_000, FORM, False, ""),
        (b"name=lamp", FORM, False, {"name": "lamp"}),
        (b"", FORM, True, "nothing"),
    ],
)
def test_a_body_that_is_too_long_or_not_understood_is_an_empty_text(body, kind, length, told):
    assert answered(body, kind, length=length) == told


def test_a_text_in_place_of_a_body_knows_the_reason():
    from instrument.middleware._request_data import TOO_LONG, UNREADABLE

    assert (TOO_LONG, TOO_LONG.remark) == ("", "!config")
    assert (UNREADABLE, UNREADABLE.remark) == ("", "!raw")


@pytest.mark.parametrize(
    ("body", "kind", "rule"), [(b"x" * 20_000, FORM, "!config"), (b"{", "application/json", "!raw")]
)
def test_an_event_says_why_a_body_was_left_out(body, kind, rule):
    event = event_of(body, kind)
    assert event.request["data"] == ""
    assert event.meta["request"]["data"] == {"": {"rem": [[rule, "x"]]}}


@pytest.mark.parametrize("name", ["remote_user", "x_user_email"])
def test_a_name_with_underscores_is_read_as_one_with_hyphens(name):
    assert is_personal(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_that_is_nobodys(name):
    assert not is_personal(name.lower())
