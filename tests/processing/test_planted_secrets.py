"""Secrets put where nobody looks for any are neither on disk, nor on the wire, nor in a request's headers."""

import json
from urllib.parse import unquote

import pytest

import instrument
from instrument.exporters import JsonLines
from instrument.options import Options
from instrument.processing.cleaning import Cleaning
from instrument.processing.rules import Rules
from instrument.testing import record
from instrument.wire.otlp import OtlpCodec
from tests.transport.servers import Server

SECRETS = {
    "bearer": ("Bearer zqHidden{}xyz", "zqHidden{}xyz"),
    "password": ("password=zqHidden{}xyz", "zqHidden{}xyz"),
    "url": ("https://bob:zqHidden{}xyz@host.example/x", "zqHidden{}xyz"),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQx.zqHidden{}xyz", "zqHidden{}xyz"),
    "aws": ("AKIAZQHIDDENZQZQ{:04d}", "AKIAZQHIDDENZQZQ{:04d}"),
    "pem": ("-----BEGIN RSA PRIVATE KEY-----\nzqHidden{}xyz\n-----END RSA PRIVATE KEY-----", "zqHidden{}xyz"),
    "card": ("4111 1111 1111 1111", "4111 1111 1111 1111"),
}


NAMES = ("logger", "release", "environment", "dist", "server_name", "transaction")


class Planter:
    """Makes secrets of one kind, and remembers what may not be seen of each."""

    def __init__(self, kind):
        self.form, self.core = SECRETS[kind]
        self.planted = {}

    def __call__(self, slot):
        number = len(self.planted)
        self.planted[slot] = self.core.format(number)
        return self.form.format(number)

    def seen_in(self, text):
        return [slot for slot, core in self.planted.items() if core in text]


def plant(secret):
    """One in each slot; what the headers of an outgoing request were."""
    with instrument.transaction("op", secret("name")) as transaction:
        transaction.set_name(secret("later name"), source=secret("source"))
        transaction.set_measurement(secret("measurement"), 1, secret("unit"))
        with instrument.span("x") as span:
            span.set_measurement(secret("span's measurement"), 2, secret("span's unit"))
            span.set_status(secret("span's status"))
            span.set_tag(secret("span's tag"), "x")
        headers = instrument.trace_headers()
        late = instrument.span(secret("late op"), secret("late description"))
        late.__enter__()
    late.__exit__(None, None, None)
    instrument.add_breadcrumb(message="x", data={"held": [json.dumps({"inner": json.dumps([secret("crumb")])})]})
    error = ValueError("x")
    error.__notes__ = [secret("note")]
    instrument.capture_exception(error)
    instrument.capture_event(
        {
            **{
                name: secret(name)
                for name in ("logger", "release", "environment", "dist", "server_name", "transaction")
            },
            "transaction_info": {"source": secret("transaction_info")},
            "modules": {secret("module"): secret("version")},
            "sdk": {"name": secret("sdk"), "version": "1", "packages": [{"name": secret("package")}]},
            "threads": {"values": [{"id": 1, "name": secret("thread")}]},
            "exception": {"values": [{"type": secret("type"), "module": secret("of module")}]},
        }
    )
    return unquote(" ".join(headers.values()))


def options(secret):
    return {name: secret(f"option {name}") for name in ("release", "environment", "dist", "server_name")}


@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_is_in_a_file(kind, tmp_path):
    secret = Planter(kind)
    instrument.init(exporter=JsonLines(tmp_path / "x.jsonl"), **options(secret))
    headers = plant(secret)
    assert instrument.flush(10)
    text = (tmp_path / "x.jsonl").read_text("utf-8")
    assert secret.seen_in(json.dumps([json.loads(line) for line in text.splitlines()], ensure_ascii=False)) == []
    assert secret.seen_in(headers) == []
    assert "[Filtered]" in headers


@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_is_on_the_wire(kind, tmp_path):
    secret = Planter(kind)
    with Server() as server:
        dsn = f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{server.port}/7"
        instrument.init(dsn, spool_dir=tmp_path, **options(secret))
        plant(secret)
        spooled = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert instrument.flush(10)
        sent = b"\n".join(request.body for request in server.received)
    assert len(server.received) >= 3
    for found in (spooled, sent):
        assert secret.seen_in(found.decode("utf-8", "replace").replace("\\n", "\n")) == []


@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_is_in_what_other_collectors_get(kind):
    secret = Planter(kind)
    with record(**options(secret)) as recorded:
        plant(secret)
    codec = OtlpCodec("json")
    for item in (*recorded.transactions, *recorded.errors):
        assert secret.seen_in(codec.encode(item).decode("utf-8").replace("\\n", "\n")) == []


HARMLESS = [
    *("ssh://git@github.com/org/repo", "primary key: id", "no such key: 'name'", "Duplicate key: users.email"),
    *("cookies: 3", "password_length=12", "authorize: no", "unauthorized: 3", "authorized=yes", "session_timeout=30s"),
    *("DE89370400440532013000", "978-3-16-148410-0", "4006381333931", "tid=140735268359104", "0x7f0123456789abcd"),
    *("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "KeyError: 'user'", "max-age=3600"),
    *("550e8400-e29b-41d4-a716-446655440000", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "20261122125255123"),
    *(
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
        "git@github.com:org/repo.git",
    ),
    *("Basic training today", "bearer of news", "Token expired at 12:00", "keyboard=qwerty", "author: Bob"),
    *(1795352000123, 1795352000123456, 1795352000123456789, 140735268359104, 4503599627370496, 20261122125255),
]


@pytest.mark.parametrize("value", HARMLESS)
def test_what_is_no_secret_stays(value):
    assert Cleaning(Rules(Options()), {}).mapping({"value": value}) == {"value": value}


def test_moments_in_milliseconds_and_less_are_no_cards():
    rules = Rules(Options())
    for unit in (1, 1000, 1000_000):
        given = {f"value{count}": (1_795_352_000_000 + count) * unit for count in range(150)}
        assert Cleaning(rules, {}).mapping(given) is given


@pytest.mark.parametrize(
    "name", ["is_authenticated", "authorized", "unauthorized", "session_duration", "session_timeout", "password_length"]
)
def test_a_name_that_only_tells_about_a_secret_keeps_its_value(name):
    assert Cleaning(Rules(Options()), {}).mapping({name: "12 s"}) == {name: "12 s"}


@pytest.mark.parametrize("text", ["key: abc", "api key: abc", "https://abc@host/1", "authorization: abc", "cookie=3f9"])
def test_but_what_may_be_one_goes(text):
    assert Cleaning(Rules(Options()), {}).mapping({"value": text}) != {"value": text}
