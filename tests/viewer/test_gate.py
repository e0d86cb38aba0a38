"""Nobody gets in but the one who was shown the address, and whatever is asked, it is refused before it is looked at."""

import re
import socket

import pytest

from instrument.viewer.pages import FILES
from tests.store.payloads import Ids, filled, simple
from tests.viewer.asking import cookie_of, get, head, send, viewing

PATHS = ["/", "/page.js", "/api/traces", "/api/traces/00", "/trace/00", "/nothing", "/../../etc/passwd"]


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    with viewing(filled(tmp_path_factory.mktemp("store") / "traces.db", simple(Ids()).payload)) as viewer:
        yield viewer


@pytest.fixture(scope="module")
def cookie(viewer):
    return cookie_of(viewer)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "evil.example@127.0.0.1:{port}",
        "localhost.:{port}",
        "LOCALHOST.evil:{port}",
        "0.0.0.0:{port}",
        "[::]:{port}",
        "[::1]",
        "127.1:{port}",
        "2130706433:{port}",
        "127.0.0.1:{port}, evil.example",
        " ",
    ],
)
def test_under_another_name_nothing_is_told_not_even_with_the_cookie(viewer, cookie, host, path):
    reply = send(viewer.port, *head(viewer, path, host=host.format(port=viewer.port), cookie=cookie))
    assert (reply.status, reply.text) == (403, "That is not the name of this place.\n")


def test_without_a_host_or_with_two_nothing_is_told(viewer, cookie):
    own = f"Host: 127.0.0.1:{viewer.port}"
    for hosts in ([], [own, own], [own, "Host: evil.example"]):
        assert send(viewer.port, "GET / HTTP/1.1", *hosts, f"Cookie: {cookie}").status == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_the_names_of_this_machine_are_right(viewer, cookie, name):
    host = f"{name}:{viewer.port}"
    assert send(viewer.port, *head(viewer, "/api/traces", host=host, cookie=cookie)).status == 200
    reply = send(viewer.port, *head(viewer, "/api/traces", host=host, cookie=cookie, Origin=f"http://{host}"))
    assert reply.status == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "file://",
        "",
    ],
)
def test_other_sites_are_refused(viewer, cookie, origin, path):
    fields = {"Origin": origin.format(port=viewer.port)}
    reply = send(viewer.port, *head(viewer, path, cookie=cookie, **fields))
    assert (reply.status, reply.text) == (403, "Other sites may not ask.\n")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin, cross-site", "x", ""])
def test_a_browser_that_says_it_is_on_another_site_is_refused(viewer, cookie, site):
    fields = {"Sec-Fetch-Site": site}
    assert send(viewer.port, *head(viewer, "/api/traces", cookie=cookie, **fields)).status == 403
    assert send(viewer.port, *head(viewer, f"/?token={viewer.gate.token}", **fields)).status == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_browser_that_says_it_is_on_our_page_or_on_none_is_let_in(viewer, cookie, site):
    assert send(viewer.port, *head(viewer, "/api/traces", cookie=cookie, **{"Sec-Fetch-Site": site})).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
@pytest.mark.parametrize("path", PATHS)
def test_nothing_can_be_changed(viewer, cookie, method, path):
    reply = send(viewer.port, *head(viewer, path, method, cookie=cookie))
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert not any(name.startswith("access-control-") for name in reply.headers)


@pytest.mark.parametrize("path", [*PATHS, *(f"/{name}" for name in FILES)])
@pytest.mark.parametrize(
    "cookie", [None, "", "instrument=x", "instrument-{port}=", "instrument-{port}=wrong", "{token}"]
)
def test_who_was_not_shown_the_address_is_told_nothing(viewer, path, cookie):
    if cookie is not None:
        cookie = cookie.format(port=viewer.port, token=viewer.gate.token)
    reply = send(viewer.port, *head(viewer, path, cookie=cookie))
    assert reply.status == 403
    assert "the address that `instrument view` printed" in reply.text


@pytest.mark.parametrize("token", ["", "wrong", "ä", "%ff", "%00", "a&token=b"])
def test_a_wrong_token_gives_no_cookie(viewer, token):
    reply = send(viewer.port, *head(viewer, f"/?token={token}".encode().decode("latin-1")))
    assert reply.status in (400, 403)
    assert "set-cookie" not in reply.headers


def test_the_token_becomes_a_cookie_and_leaves_the_address(viewer):
    for _ in range(2):
        reply = send(viewer.port, *head(viewer, f"/?token={viewer.gate.token}"))
        assert (reply.status, reply.headers["location"]) == (303, "/")
        name, *rules = reply.headers["set-cookie"].split("; ")
        assert re.fullmatch(rf"instrument-{viewer.port}=[\w-]{{32}}", name)
        assert viewer.gate.token not in name
        assert set(rules) == {"Path=/", "HttpOnly", "SameSite=Strict"}
        assert send(viewer.port, *head(viewer, "/", cookie=f"a=b; {name}; c=d")).status == 200


@pytest.mark.parametrize(
    ("path", "location"),
    [("/trace/00ff", "/trace/00ff"), ("//evil.example/", "/"), ("/api/traces", "/"), ("/\\evil.example", "/")],
)
def test_the_token_leads_to_a_page_of_ours(viewer, path, location):
    reply = send(viewer.port, *head(viewer, f"{path}?token={viewer.gate.token}"))
    assert (reply.status, reply.headers["location"]) == (303, location)


def test_a_token_for_a_command_line_is_good_once(viewer):
    path = viewer.address("/trace/00", for_once=True).partition(str(viewer.port))[2]
    assert viewer.gate.token not in path
    first, second = (send(viewer.port, *head(viewer, path)) for _ in range(2))
    assert (first.status, first.headers["location"]) == (303, "/trace/00")
    assert second.status == 403


def test_each_viewer_has_a_token_of_its_own(viewer, tmp_path):
    with viewing(tmp_path / "other.db") as other:
        assert other.gate.token != viewer.gate.token
        cookie = cookie_of(viewer).replace(str(viewer.port), str(other.port))
        assert send(other.port, *head(other, "/", cookie=cookie)).status == 403


def test_every_answer_forbids_what_could_be_used_against_its_reader(viewer, cookie):
    asked = [
        head(viewer, "/", cookie=cookie),
        head(viewer, "/api/traces", cookie=cookie),
        head(viewer, "/nothing", cookie=cookie),
        head(viewer, "/"),
        head(viewer, "/", "POST"),
        ["nonsense"],
    ]
    for lines in asked:
        headers = send(viewer.port, *lines).headers
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "connect-src": "'self'",
            "img-src": "'self' data:",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
            "require-trusted-types-for": "'script'",
            "trusted-types": "'none'",
        }
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert not any(name.startswith("access-control-") for name in headers)


@pytest.mark.parametrize(
    "path",
    [
        "/page.py",
        "/../server.py",
        "/static/page.js",
        "/page.js/",
        "/page.js%00",
        "/%2e%2e/server.py",
        "/..%2fserver.py",
        "//page.js",
        "/etc/passwd",
        "/api",
        "/api/traces/",
        "/api/traces/xyz",
        "/api/traces/00/../..",
        "/trace/xyz",
        "/__init__.py",
    ],
)
def test_only_what_is_in_the_table_is_there(viewer, path):
    assert get(viewer, path).status == 404


def test_no_other_machine_can_reach_it(viewer):
    """It listens at the loopback addresses alone; every other address of this machine refuses."""
    for listener in viewer._listeners:
        assert listener.server_address[0] in ("127.0.0.1", "::1")
    try:
        others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    except OSError:
        others = set()
    for address in others - {"127.0.0.1"}:
        if address.startswith("127."):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address, viewer.port), timeout=5)
