"""The address of a Sentry project: what is read, what is refused, and that its key stays hidden."""

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instrument._value import as_dict
from instrument.dsn import Dsn
from instrument.errors import BadDsn

KEY = "c0ffee11c0ffee22c0ffee33c0ffee44"
SECRET = "5ec2e75ec2e75ec2e75ec2e75ec2e700"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://k@h/1", "https://h/api/1/envelope/"),
        ("http://k@h/1", "http://h/api/1/envelope/"),
        ("https://k@h:443/1", "https://h/api/1/envelope/"),
        ("http://k@h:80/1", "http://h/api/1/envelope/"),
        ("http://k@h:443/1", "http://h:443/api/1/envelope/"),
        ("https://k@h:8443/pre/fix/12", "https://h:8443/pre/fix/api/12/envelope/"),
        ("https://k:s@h:/1", "https://h/api/1/envelope/"),
        ("http://k@[::1]:9000/1", "http://[::1]:9000/api/1/envelope/"),
        ("https://k@[2001:DB8::1]/1", "https://[2001:db8::1]/api/1/envelope/"),
        ("HTTPS://k@Host.Example/1", "https://host.example/api/1/envelope/"),
        ("https://k@h/007", "https://h/api/7/envelope/"),
        ("https://k@h/my-project", "https://h/api/my-project/envelope/"),
        ("https://k@h/1?a=b&c=d", "https://h/api/1/envelope/"),
        ("https://k@h/1#fragment", "https://h/api/1/envelope/"),
        ("  https://k@h/1\n", "https://h/api/1/envelope/"),
        ("https://k@127.0.0.1:65535/1", "https://127.0.0.1:65535/api/1/envelope/"),
    ],
)
def test_envelopes_go_to_the_projects_endpoint(text, url):
    assert Dsn.parse(text).envelope_url == url


def test_a_dsn_is_its_parts():
    assert as_dict(Dsn.parse(f"https://{KEY}:{SECRET}@o42.ingest.us.sentry.io:8443/pre/12")) == {
        "scheme": "https",
        "host": "o42.ingest.us.sentry.io",
        "port": 8443,
        "path": "/pre",
        "public_key": KEY,
        "secret": SECRET,
        "project_id": "12",
        "org_id": "42",
    }


@pytest.mark.parametrize(
    ("host", "org_id"),
    [("o42.ingest.sentry.io", "42"), ("O1.x", "1"), ("o1", None), ("foo1.x", None), ("x.o1.y", None), ("o.x", None)],
)
def test_the_organisation_is_taken_from_the_host(host, org_id):
    assert Dsn.parse(f"https://k@{host}/1").org_id == org_id


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "begin with http"),
        ("nonsense", "begin with http"),
        (KEY, "begin with http"),
        (f"{KEY}@h/1", "begin with http"),
        (f"ftp://{KEY}@h/1", "begin with http"),
        (f"//{KEY}@h/1", "begin with http"),
        ("https://h/1", "public key"),
        ("https://@h/1", "public key"),
        (f"https://:{SECRET}@h/1", "public key"),
        (f"https://{KEY} x@h/1", "public key"),
        (f"https://{KEY}\x00@h/1", "public key"),
        (f"https://{KEY}:{SECRET},x@h/1", "secret"),
        (f"https://{KEY}@/1", "host"),
        (f"https://{KEY}@:80/1", "host"),
        (f"https://{KEY}@h h/1", "host"),
        (f"https://{KEY}@[::1/1", "host"),
        (f"https://{KEY}@h:65536/1", "port is a number from 1 to 65535"),
        (f"https://{KEY}@h:99999/1", "port is a number from 1 to 65535"),
        (f"https://{KEY}@h:-1/1", "port is a number from 1 to 65535"),
        (f"https://{KEY}@h:0/1", "port is a number from 1 to 65535"),
        (f"https://{KEY}@h:x/1", "port is a number from 1 to 65535"),
        (f"https://{KEY}@h", "end with /PROJECT"),
        (f"https://{KEY}@h/", "end with /PROJECT"),
        (f"https://{KEY}@h/1/", "without a slash after it"),
        (f"https://{KEY}@h//1", "end with /PROJECT"),
        (f"https://{KEY}@h/a b/1", "end with /PROJECT"),
        (f"https://{KEY}@h/1 2", "end with /PROJECT"),
        (f"https://{KEY}@h?sentry_key={SECRET}", "end with /PROJECT"),
    ],
)
def test_a_dsn_that_cannot_be_read_is_refused_without_showing_its_key(text, complaint):
    with pytest.raises(BadDsn, match=complaint) as caught:
        Dsn.parse(text)
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told and SECRET not in told
    assert "https://KEY@HOST/PROJECT" in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("value", [1, b"https://k@h/1", object(), ["https://k@h/1"]])
def test_what_is_no_text_is_no_dsn(value):
    with pytest.raises(BadDsn, match=type(value).__name__):
        Dsn.parse(value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://{KEY}:{SECRET}@host/1", "Dsn(https://***@host/1)"),
        (f"http://{KEY}@[::1]:9000/pre/1", "Dsn(http://***@[::1]:9000/pre/1)"),
    ],
)
def test_a_dsn_prints_without_its_key(text, shown):
    dsn = Dsn.parse(text)
    assert repr(dsn) == str(dsn) == f"{dsn}" == shown


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("https://k@h/1", "Sentry sentry_key=k, sentry_version=7, sentry_client=instrument.python/1"),
        (
            "https://k:s@h/1",
            "Sentry sentry_key=k, sentry_version=7, sentry_client=instrument.python/1, sentry_secret=s",
        ),
    ],
)
def test_the_key_goes_into_the_header_of_requests(text, header):
    assert Dsn.parse(text).auth_header("instrument.python/1") == header


def test_two_readings_of_one_dsn_are_equal():
    assert Dsn.parse("https://k@h/1") == Dsn.parse("https://k@h:443/001")
    assert Dsn.parse("https://k@h/1") != Dsn.parse("https://other@h/1")


PARTS = st.sampled_from(
    ["https://", "http://", KEY, "@", ":", "/", "h", "[::1]", "[", "]", "1", "65536", "?", "#", "\n"]
)


@given(st.one_of(st.text(), st.lists(PARTS).map("".join), st.text().map(lambda text: f"https://{KEY}@{text}")))
def test_any_text_is_a_dsn_or_a_bad_one(text):
    try:
        dsn = Dsn.parse(text)
    except BadDsn as error:
        assert KEY not in str(error) or KEY in text.rpartition("@")[2]
    else:
        assert dsn.envelope_url.startswith(f"{dsn.scheme}://") and dsn.envelope_url.isascii()
        assert not set(dsn.auth_header("x/1")) & set("\r\n\x00")
