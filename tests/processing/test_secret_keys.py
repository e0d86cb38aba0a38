"""Names of secrets, and names that only look like them."""

import pytest

from instrument.options import Options, ScrubRules
from instrument.processing.secret_keys import KeyRules, is_spared

SECRET = {
    "password": [
        "password",
        "Passwd",
        "db_password",
        "userPassword",
        "PASSWORD_HASH",
        "passphrase",
        "mysql_pwd",
        "pass",
    ],
    "secret": ["secret", "client_secret", "clientSecret", "SECRET_KEY", "aws-secret-access-key"],
    "credentials": ["credentials", "credential", "db.creds"],
    "cookie": ["Cookie", "Set-Cookie", "cookies"],
    "csrf": ["csrf", "csrftoken", "_csrf", "X-CSRFToken", "XSRF-TOKEN", "_xsrf"],
    "jwt": ["jwt", "jwt_assertion"],
    "bearer": ["bearer"],
    "token": ["token", "access_token", "refreshToken", "X-Auth-Token", "authenticity_token", "token_value"],
    "auth": [
        "auth",
        "Authorization",
        "Proxy-Authorization",
        "oauth",
        "auth_header",
        "http.request.header.authorization",
    ],
    "session": ["session", "sessionid", "PHPSESSID", "aiohttp_session", "session_id", "_session"],
    "sid": ["sid", "connect.sid", "ssid"],
    "sso": ["sso", "sso_ticket"],
    "saml": ["saml", "SAMLResponse"],
    "identity": ["identity", "identity_document"],
    "key": [
        "key",
        "api_key",
        "X-Api-Key",
        "apikey",
        "privatekey",
        "private_key",
        "signing-key",
        "accessKeyId",
        "ssh_key",
    ],
    "ip": ["X-Forwarded-For", "x_real_ip", "REMOTE_ADDR", "ip_address", "HTTP_X_FORWARDED_FOR", "client.address"],
}
HARMLESS = [
    *(
        "author",
        "authors",
        "author_id",
        "authority",
        "authentic",
        "tokenizer",
        "tokenize",
        "keyboard",
        "keyword",
        "monkey",
    ),
    *(
        "monkeys",
        "hockey",
        "turkey",
        "donkey",
        "secretary",
        "inside",
        "sidebar",
        "president",
        "obsession",
        "possession",
    ),
    *("processor", "espresso", "compass", "passenger", "bypass", "user", "id", "path", "http.method", "rows", ""),
    *("cache.key", "primary_key", "public_key", "sort_key", "messaging.kafka.message.key", "auth_type", "token_count"),
    *("session_count", "key_error", "KeyError", "token_expires_in", "x_forwarded_host", "server.address"),
]


def rules(chosen=ScrubRules(), send_pii=False):  # noqa: B008
    return KeyRules(chosen, send_pii=send_pii)


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, names in SECRET.items() for name in names])
def test_the_name_of_a_secret_is_known_however_it_is_written(rule, name):
    assert rules().verdict(name) == rule or (name in ("aws-secret-access-key", "SECRET_KEY") and rules().verdict(name))


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_name_is_left_alone(name):
    assert rules().verdict(name) == ""


def test_every_word_of_the_protocols_list_is_a_secret():
    words = "auth token secret password passwd pwd key jwt bearer sso saml csrf xsrf credentials session sid identity"
    assert [word for word in words.split() if not rules().verdict(word)] == []


def test_yes_no_and_counts_are_no_secrets():
    assert is_spared("has_password", "password", True)
    assert is_spared("password", "password", None)
    assert is_spared("max_tokens", "token", 100)
    assert not is_spared("token", "token", 123456)
    assert not is_spared("tokens", "token", "abc")
    assert not is_spared("password", "password", 1234)


def test_a_rule_can_be_switched_off_words_added_and_names_kept():
    options = Options.read(scrub={"session": False, "salary": ["salary", "wage"], "keep": ["token", "X-Api-Key"]})
    chosen = rules(options.scrub)
    verdicts = {
        name: chosen.verdict(name) for name in ("session", "baseSalary", "wages", "token", "x_api_key", "password")
    }
    assert verdicts == {
        "session": "",
        "baseSalary": "salary",
        "wages": "salary",
        "token": "",
        "x_api_key": "",
        "password": "password",
    }


def test_addresses_of_clients_are_no_secret_where_data_about_persons_is_sent():
    assert rules(send_pii=True).verdict("X-Forwarded-For") == ""


def test_what_is_remembered_is_bounded():
    chosen = rules()
    for number in range(10_000):
        chosen.verdict(f"name{number}")
    chosen.verdict("x" * 100_000)
    assert len(chosen._verdicts) <= 4096
    assert max(map(len, chosen._verdicts)) <= 256
