"""Which names are those of secrets: `api_key`, `X-Auth-Token`, `userPassword`; not `author`, `monkey`, `key_type`."""

from __future__ import annotations

import re
from typing import Final

from ..options import ScrubRules

__all__ = ["CLEAN", "FILTERED", "LONGEST", "KeyRules", "is_spared"]

FILTERED: Final = "[Filtered]"
CLEAN: Final = ""
"""The verdict on a name that is nobody's secret."""

REMEMBERED: Final = 4096
LONGEST: Final = 256
"""A longer name is judged each time anew, so that what is remembered stays small."""

_NAMED: Final[dict[str, str]] = {
    "password": r"passw|passphrase|passcode|(?:^|_)pass(?:$|_)|pwd",
    "secret": r"secret(?!ar)",
    "credentials": r"credential|(?:^|_)creds?(?:$|_)",
    "cookie": r"cookie",
    "csrf": r"csrf|xsrf",
    "jwt": r"jwt",
    "bearer": r"bearer",
    "token": r"token(?!i[sz])",
    "auth": r"auth(?!or(?!i[sz])|ori[sz](?:e|ed|er|es|ing)(?:$|_)|entic(?!at)|enticated(?:$|_))",
    "session": r"(?<!ob)(?<!pos)sess(?:ion|id)",
    "sid": r"sid(?:$|_)",
    "sso": r"(?:^|_)sso",
    "saml": r"saml",
    "identity": r"identity",
    "key": r"(?<!mon)(?<!tur)(?<!hoc)(?<!don)(?<!joc)(?<!whis)(?<!hot)key_?(?:s|id|data|value|material)?(?:$|_)",
    "ip": (
        r"^(?:http_)?(?:(?:x_)?(?:forwarded|forwarded_for|real_ip|client_ip|cluster_client_ip)|ip_address|remote_addr"
        r"|true_client_ip|cf_connecting_ip|client_address)$"
    ),
}
"""Rule: what it looks for in a name whose words are in lower case, with one `_` between them."""

_WEAK: Final = frozenset({"token", "auth", "session", "sid", "sso", "saml", "identity", "key"})
"""Rules whose words also name harmless things; these two say which."""

_ABOUT: Final = re.compile(
    r"(?:^|_)(?:backends?|class|counts?|details?|disabled|duration|enabled|endpoints?|errors?|expiration|expired|expires|expires_in|expiry"
    r"|func|function|length|len|limit|max|methods?|min|names?|namespace|number|providers?|required|scheme|size|state"
    r"|status|timeout|total|ttl|types?|uri|urls?|used|version)$"
)
_HARMLESS_KEY: Final = re.compile(
    r"(?:^|_)(?:cache|composite|dedup|foreign|group|index|lookup|message|partition|primary|public|redis|routing|sort"
    r"|unique)_keys?(?:$|_)"
)
_PLURAL: Final = re.compile(r"(?:cookies|keys|sessions|tokens)$")

_MEASURED: Final = re.compile(r"(?:^|_)(?:count|length|len|required|expired|enabled)$")
"""What even a password may have: a name that ends so holds none."""

_SAYS_NOTHING: Final = frozenset({"", FILTERED})

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN: Final = re.compile(r"[^a-z0-9]+")


class KeyRules:
    """The rules about names that are in force. Verdicts are remembered: the same names come again and again."""

    def __init__(self, chosen: ScrubRules, *, send_pii: bool) -> None:
        off = chosen.off | ({"ip"} if send_pii else set())
        self._rules = [(name, re.compile(found)) for name, found in _NAMED.items() if name not in off]
        self._rules += [(name, re.compile("|".join(map(_contained, words)))) for name, words in chosen.keys]
        self._kept = frozenset(map(_words, chosen.keep))
        self._verdicts: dict[str, str] = {}

    def verdict(self, key: str) -> str:
        """The rule by which a name is that of a secret, or `CLEAN`."""
        found = self._verdicts.get(key)
        if found is not None:
            return found
        verdict = self._judge(_words(key))
        if len(key) <= LONGEST:
            if len(self._verdicts) >= REMEMBERED:
                self._verdicts.clear()
            self._verdicts[key] = verdict
        return verdict

    def _judge(self, words: str) -> str:
        if words in self._kept:
            return CLEAN
        for name, found in self._rules:
            if found.search(words) is not None and not _is_about(name, words):
                return name
        return CLEAN


def is_spared(key: str, rule: str, value: object) -> bool:
    """Whether a value is harmless although its name is not: nothing, yes or no, or a number that counts."""
    kind = type(value)
    if value is None or kind is bool or (kind is str and value in _SAYS_NOTHING):
        return True
    return (
        (kind is int or kind is float)
        and (rule in _WEAK or rule == "cookie")
        and _PLURAL.search(_words(key)) is not None
    )


def _is_about(rule: str, words: str) -> bool:
    """Whether a name says something about a secret instead of holding it."""
    if _MEASURED.search(words) is not None and rule in _NAMED:
        return True
    if rule not in _WEAK:
        return False
    return _ABOUT.search(words) is not None or (rule == "key" and _HARMLESS_KEY.search(words) is not None)


def _words(key: str) -> str:
    return _BETWEEN.sub("_", _HUMP.sub("_", key).lower()).strip("_")


def _contained(word: str) -> str:
    return re.escape(_words(word))
