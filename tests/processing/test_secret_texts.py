"""Secrets inside of texts: by their shape, and by the name before them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.options import Options, ScrubRules
from instrument.processing import secret_keys, secret_texts, sql, templates
from instrument.processing.card_numbers import is_card
from instrument.processing.secret_keys import KeyRules
from instrument.processing.secret_texts import TextRules
from tests.processing.steps import steps

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
F = "[Filtered]"


def rules(chosen=ScrubRules()):  # noqa: B008
    return TextRules(chosen, KeyRules(chosen, send_pii=False))


SHAPES = [
    (f"the value {JWT} is", f"the value {F} is", "jwt"),
    (f"key:\n{PEM}\nend", f"key:\n{F}\nend", "private_key"),
    ("-----BEGIN PRIVATE KEY-----\nMIIE, cut off", F, "private_key"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----", F, "private_key"),
    ("Bearer abcdef", f"Bearer {F}", "bearer"),
    ("sent BEARER abc.def-123 to", f"sent BEARER {F} to", "bearer"),
    ("Basic dXNlcjpwYXNz", f"Basic {F}", "bearer"),
    ("pay 4111111111111111 now", f"pay {F} now", "card"),
    ("pay 4111 1111 1111 1111 12 times", f"pay {F} 12 times", "card"),
    ("5500-0000-0000-0004", F, "card"),
    ("amex 378282246310005", f"amex {F}", "card"),
    ("id AKIAIOSFODNN7EXAMPLE!", f"id {F}!", "aws"),
    ("ASIAIOSFODNN7EXAMPLE", F, "aws"),
    ("postgres://bob:s3cret@db/x", f"postgres://{F}@db/x", "url"),
    ("https://c0ffee11@o42.example/1", f"https://{F}@o42.example/1", "url"),
    ("amqp://u:p@ss@h", f"amqp://{F}@h", "url"),
    ("redis://:p/w@h:1/0", f"redis://{F}@h:1/0", "url"),
]


@pytest.mark.parametrize(("text", "expected", "rule"), SHAPES)
def test_what_has_the_shape_of_a_secret_is_replaced(text, expected, rule):
    assert rules().scrub(text) == (expected, (rule,))


@pytest.mark.parametrize(("text", "expected", "rule"), SHAPES)
def test_each_rule_can_be_switched_off(text, expected, rule):
    chosen = Options.read(scrub={rule: False, "key": False, "token": False}).scrub
    assert rules(chosen).scrub(text) == (text, ())


NAMED = [
    ("password=hunter2 and more", f"password={F} and more"),
    ('{"a": 1, "password": "hun\\"ter2", "b": 2}', f'{{"a": 1, "password": "{F}", "b": 2}}'),
    ("{'api_key': 'abc', 'x': [1]}", f"{{'api_key': '{F}', 'x': [1]}}"),
    ('{\\"password\\": \\"hunter2\\"}', f'{{\\"password\\": \\"{F}\\"}}'),
    ("GET /a?token=abc,d&page=1#x", f"GET /a?token={F}&page=1#x"),
    ("user%5Bpass%77ord%5D=x&b=1", f"user%5Bpass%77ord%5D={F}&b=1"),
    ("Authorization: Basic dXNlcg==", f"Authorization: {F}"),
    ("Cookie: a=b; c=d\nHost: x", f"Cookie: {F}\nHost: x"),
    ("host=db user=x password=y dbname=z", f"host=db user=x password={F} dbname=z"),
    ("run --api-key abc --verbose", f"run --api-key {F} --verbose"),
    ("run --api-key=abc --verbose", f"run --api-key={F} --verbose"),
    ("secret => 'x y'", f"secret => '{F}'"),
    ("credentials: {'user': {'a': 1}} rest", f"credentials: {F} rest"),
    ("password = b'abc'", f"password = b'{F}'"),
    ('password: "never closed', f'password: "{F}'),
    ('{"credentials":{"user":"x"},"n":1}', f'{{"credentials":"{F}","n":1}}'),
    ("<bytes, 24 long: eyJwYXNzd29yZCI6ICJodW50ZXIyIn0=>", f"<bytes, 24 long: {F}>"),
]


@pytest.mark.parametrize(("text", "expected"), NAMED)
def test_what_stands_after_the_name_of_a_secret_is_replaced(text, expected):
    assert rules().scrub(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "author=bob monkey: 1 keyboard='x' tokenizer=bpe authentic: yes",
        "order 4111111111111112, tracking 1767323045123456789, 0.4111111111111111",
        "http://localhost:8000/users/@me",
        "http://host:80/x?email=a@b.c",
        "basic training. Token expired",
        "2026-01-01T12:00:00 a::b KeyError: x",
        "WHERE password = ? AND token = %s AND secret = :secret",
        "max_tokens=100",
        "if password == other:",
        "password=None token=",
        "550e8400-e29b-41d4-a716-446655440000",
        "",
    ],
)
def test_harmless_text_stays_as_it_is(text):
    assert rules().scrub(text) == (text, ())


def test_a_query_string_is_taken_apart_by_its_own_rules():
    query = f"q=a&api_key=x&next=https%3A%2F%2Fu%3Ap%40h%2F&jwt={JWT}&empty=&password="
    cleaned, found = rules().scrub_query(query)
    assert cleaned == f"q=a&api_key={F}&next=https://{F}@h/&jwt={F}&empty=&password="
    assert found == ("key", "url", "jwt")


def test_in_source_code_only_literals_are_secrets():
    assert rules().scrub_source('    password = "hunter2"')[0] == f'    password = "{F}"'
    for line in ("password = get_password()", "def login(token: str) -> None:", "token = tokens[1]"):
        assert rules().scrub_source(line) == (line, ())


def test_users_add_shapes_of_their_own():
    chosen = Options.read(scrub={"order": r"ORD-[0-9]{3}"}).scrub
    assert rules(chosen).scrub("see ORD-123") == (f"see {F}", ("order",))


@pytest.mark.parametrize("number", ["4111111111111111", "5555555555554444", "2223003122003222", "6011111111111117"])
def test_numbers_of_cards_are_told_by_issuer_and_check_digit(number):
    assert is_card(number)
    assert not is_card(number[:-1] + str((int(number[-1]) + 1) % 10))
    assert not is_card("1" + number[1:])


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_comes_back_as_text_and_a_second_time_unchanged(text):
    chosen = rules()
    once, _ = chosen.scrub(text)
    assert chosen.scrub(once)[0] == once


@given(
    st.sampled_from(["password", "X-Api-Key", "access_token", "client_secret"]),
    st.sampled_from(["{}={}", "{}: {}", '"{}": "{}"', "'{}': '{}'", "?{}={}&a=b", "--{} {}", 'x {}="{}" y']),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789._+/-", min_size=8, max_size=40).map(lambda text: f"Z{text}"),
    st.text(max_size=50),
    st.text(max_size=50),
)
@settings(max_examples=300, deadline=None)
def test_a_planted_secret_never_stays(name, form, secret, before, after):
    text = f"{before} {form.format(name, secret)} {after}"
    assert secret not in rules().scrub(text)[0].replace(before, "").replace(after, "")


BOMBS = [
    *(
        "a",
        " ",
        "=",
        ":",
        '"',
        "'",
        "\\",
        "(",
        "{",
        "[",
        "-",
        "--a ",
        "1",
        "1 ",
        "1-",
        "eyJ",
        "eyJaaaaaaaa.",
        "://",
        "://a:",
    ),
    *("password", "password=", 'password="', "password='\\", "password={", "token:", "a=b&", "%", "bearer ", "basic a"),
    *("-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "AKIA", "<a, 1 long: ", "a.b-", "]['\"=> ", "token \n", "=>"),
]


@pytest.mark.parametrize("module", [secret_texts, secret_keys, sql, templates], ids=lambda module: module.__name__)
def test_the_work_grows_with_the_length_and_no_faster(module):
    """Steps of a plain backtracking matcher are counted on misleading texts: twice the length, twice the steps."""
    for name, pattern in vars(module).items():
        if not isinstance(pattern, re.Pattern):
            continue
        for bomb in BOMBS:
            few, many = (steps(pattern, (bomb * size)[:size] + "!") for size in (100, 200))
            assert many < 2.6 * few + 200, (name, bomb, few, many)


def test_a_quadratic_pattern_is_found_out():
    few, many = (steps(re.compile(r"\s+x"), " " * size) for size in (100, 200))
    assert many > 3.5 * few


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_text_made_to_mislead_is_scrubbed_with_few_looks_at_it(bomb):
    """The loop over names takes no more turns than there are names, however the text is made."""
    looks = []

    class Keys(KeyRules):
        def verdict(self, key):
            looks.append(key)
            return super().verdict(key)

    TextRules(ScrubRules(), Keys(ScrubRules(), send_pii=False)).scrub((bomb * 4000)[:4000])
    assert sum(map(len, looks)) <= 3 * 4000
