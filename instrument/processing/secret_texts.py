"""Secrets inside of text, found by their shape or by the name before them.

Every search goes through a text once: no pattern has two unbounded repeats next to each other, and a replaced piece is
not looked at again. Texts in which nothing was found are remembered, as the same ones come again and again.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_plus

import msgspec

from ..options import ScrubRules
from .card_numbers import replace_cards
from .secret_keys import FILTERED, KeyRules, is_spared

__all__ = ["SHORT", "SHORTEST", "TextRules"]

SHORT: Final = 256
REMEMBERED: Final = 2048
SHORTEST: Final = 13
"""No shape that is looked for is shorter, but for those that users add."""

_DIGITS: Final = re.compile(r"[0-9][0-9 -]{11}")
_NUMBERS: Final = re.compile(r"(?<![0-9A-Za-z.])[0-9](?:[ -]?[0-9]){11,}(?![0-9])")
_AWS: Final = re.compile(r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])")
_JWT: Final = re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")
_SCHEME: Final = re.compile(
    r"(?<![A-Za-z])((bearer|basic|token)[ \t]{1,3})([A-Za-z0-9+/=._~:-]{6,})",
    re.IGNORECASE,
)
_PEM: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_USER: Final = re.compile(
    r"(?<=://)(?!git@)(?:[^\s/?#\"'<>]+|[^\s/@:]{0,100}:(?!\d{1,5}(?:[/?#]|$))[^\s@\"'<>]{1,200})@"
)
_BYTES: Final = re.compile(r"(<[\w.]{1,100}, [0-9]{1,20} long: )([A-Za-z0-9+/=]{1,64})")

_PAIR: Final = re.compile(
    r"(?<![\w.%\[\]-])(?:--([\w-]+)[ \t]{1,3}(?!-)"
    r"|([\w.%\[\]-]+)(?:\\{0,3}[\"'\])]){0,2}\s{0,3}(?:=>|=(?!=)|:(?!:|//))\s{0,3})"
)
"""A name, and what stands between it and its value; or an option of a command line."""

_TABLE: Final = re.compile(
    r"(?<![A-Za-z])(?:cache|composite|duplicate|foreign|index|missing|partition|primary|routing|sort|such|unexpected"
    r"|unique)[ ]$",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"[bBfFrRuU]{0,2}([\"'])((?:(?!\1)[^\\]|\\.)*)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\{1,3}([\"'])([^\"'\\]*)")
_BARE: Final = re.compile(
    r"(?:(?:basic|bearer|digest|negotiate|token)[ \t]{1,3})?(?:\[Filtered\]|[^\s,;&\"'<>(){}\[\]|\\]+)", re.IGNORECASE
)
_PARAMETER: Final = re.compile(r"[^\s;&#\"'<>]*")
_LINE: Final = re.compile(r"[^\r\n\"']*")
_BRACKET: Final = re.compile(r"[\[\](){}]")
_NO_VALUE: Final = frozenset({"?", "none", "null", "nil", "true", "false", "undefined", ""})


class TextRules:
    """The rules about texts that are in force."""

    def __init__(self, chosen: ScrubRules, keys: KeyRules) -> None:
        self._keys = keys
        known: list[tuple[str, Callable[[str], bool], Callable[[str], str]]] = [
            ("private_key", lambda text: "-----B" in text, lambda text: _PEM.sub(FILTERED, text)),
            ("jwt", lambda text: "eyJ" in text, lambda text: _JWT.sub(FILTERED, text)),
            ("bearer", _has_scheme, lambda text: _SCHEME.sub(_without_credentials, text)),
            ("aws", lambda text: "IA" in text, lambda text: _AWS.sub(FILTERED, text)),
            ("url", lambda text: "://" in text, lambda text: _USER.sub(f"{FILTERED}@", text)),
            ("card", lambda text: _DIGITS.search(text) is not None, lambda text: _NUMBERS.sub(_without_cards, text)),
        ]
        self._shapes = [(name, may, replaced) for name, may, replaced in known if name not in chosen.off]
        self._added = chosen.patterns
        self.looks_clean: Callable[[str], bool] = _never if self._added else _looks_clean
        """Whether nothing can be found in a text: the cheapest way to know, for most."""
        self.knows_cards = "card" not in chosen.off
        self.clean: set[str] = set()
        """Short texts in which nothing was found."""
        self.clean_pieces: set[str] = set()
        """Names with their values out of queries in which nothing was found."""
        self.clean_source: set[str] = set()
        """Short lines of source code in which nothing was found."""

    def scrub(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The text without its secrets, and the rules that found some."""
        if self.looks_clean(text):
            return text, ()
        found: list[str] = []
        text = self._own(text, found) if self._added else text
        made = self._shaped(text, found) if len(text) >= SHORTEST else text
        if "=" in made or ":" in made or "--" in made:
            made = self._structured(made, found)
            made = self._named(made, found, only_quoted=False)
        if " long: " in made:
            made = self._in_bytes(made, found)
        if not found:
            self.remember(text)
        return made, tuple(dict.fromkeys(found))

    def remember(self, text: str) -> None:
        """Know the next time that there is nothing in a text to hide."""
        if len(text) <= SHORT:
            _remember(self.clean, text)

    def scrub_source(self, line: str) -> tuple[str, tuple[str, ...]]:
        """The same for a line of source code, in which only a literal can be a secret."""
        found: list[str] = []
        line = self._own(line, found) if self._added else line
        made = self._shaped(line, found) if len(line) >= SHORTEST else line
        if '"' in made or "'" in made:
            made = self._named(made, found, only_quoted=True)
        if not found and len(line) <= SHORT:
            _remember(self.clean_source, line)
        return made, tuple(dict.fromkeys(found))

    def scrub_query(self, query: str) -> tuple[str, tuple[str, ...]]:
        """The same for a query string or the body of a form."""
        found: list[str] = []
        if '"' in query or "'" in query or "://" in query:
            # What stands in quotes or in an address may hold an `&`.
            query, rules = self.scrub(query)
            found += rules
        elif self._added:
            query = self._own(query, found)
        pieces = []
        for piece in query.split("&"):
            pieces.append(piece if piece in self.clean_pieces else self._piece(piece, found))
        return ("&".join(pieces), tuple(dict.fromkeys(found))) if found else (query, ())

    def _piece(self, piece: str, found: list[str]) -> str:
        """A name and its value."""
        name, sign, value = piece.partition("=")
        before = len(found)
        if value and value != FILTERED:
            rule = self._keys.verdict(unquote_plus(name) if "%" in name or "+" in name else name)
            if rule:
                found.append(rule)
            value = FILTERED if rule else self._escaped(value, found)
        shown = f"{self._escaped(name, found)}{sign}{value}"
        if len(found) == before and len(piece) <= SHORT:
            _remember(self.clean_pieces, piece)
        return shown

    def _escaped(self, part: str, found: list[str]) -> str:
        """A part of a query without its secrets. Where there are some it is shown as it reads without escapes."""
        if "%" not in part and "+" not in part and self.looks_clean(part):
            return part
        made, rules = self.scrub(part)  # first as it stands: a blank in place of a `+` would end a secret
        found += rules
        if "%" in made or "+" in made:
            read, rules = self.scrub(unquote_plus(made))
            found += rules
            made = read if rules else made
        return made

    def _shaped(self, text: str, found: list[str]) -> str:
        for name, may, replaced in self._shapes:
            if may(text):
                made = replaced(text)
                if made != text:
                    found.append(name)
                    text = made
        return text

    def _own(self, text: str, found: list[str]) -> str:
        for name, pattern in self._added:
            made = pattern.sub(FILTERED, text)
            if made != text:
                found.append(name)
                text = made
        return text

    def _structured(self, text: str, found: list[str]) -> str:
        """A text that is JSON as a whole: what a secret's name holds may be an object there."""
        if text[:1] not in ("{", "[") or text[-1:] not in ("}", "]"):
            return text
        try:
            held = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return text
        before = len(found)
        made = self._inside(held, found)
        return msgspec.json.encode(made).decode() if len(found) > before else text

    def _inside(self, value: object, found: list[str]) -> object:
        if type(value) is list:
            return [self._inside(one, found) for one in value]
        if type(value) is not dict:
            return value
        made: dict[str, object] = {}
        for key, inner in value.items():
            rule = self._keys.verdict(key)
            hides = rule and type(inner) in (dict, list) and inner
            made[key] = FILTERED if hides else self._inside(inner, found)
            if hides:
                found.append(rule)
        return made

    def _named(self, text: str, found: list[str], *, only_quoted: bool) -> str:
        """Replace what stands after a name that is a secret's: `password=…`, `"token": "…"`, `--api-key …`."""
        pieces: list[str] = []
        done = at = 0
        while (pair := _PAIR.search(text, at)) is not None:
            at = pair.end()
            name = pair[1] or pair[2]
            rule = self._keys.verdict(unquote_plus(name) if "%" in name else name)
            if not rule or (rule == "key" and _is_of_a_table(text, pair)):
                continue
            begin, end = _value(text, pair, rule, only_quoted)
            if end > begin and not _is_harmless(text, begin, end, name, rule):
                pieces += (text[done:begin], FILTERED)
                found.append(rule)
                done = end
            at = max(at, end)
        return text if done == 0 else "".join([*pieces, text[done:]])

    def _in_bytes(self, text: str, found: list[str]) -> str:
        """Bytes are shown by their head in base64, which hides a secret from nobody."""

        def replaced(shown: re.Match[str]) -> str:
            head = shown[2]
            held = b64decode(head[: len(head) // 4 * 4]).decode("latin-1")
            names = self.scrub(held)[1]
            found.extend(names)
            return f"{shown[1]}{FILTERED}" if names else shown[0]

        return _BYTES.sub(replaced, text)


def _remember(known: set[str], text: str) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known.add(text)


def _never(text: str) -> bool:
    return False


def _looks_clean(text: str) -> bool:
    if ":" in text or "=" in text or "--" in text:
        return False
    return len(text) < SHORTEST or not (
        "eyJ" in text or "IA" in text or _DIGITS.search(text) is not None or (" " in text and _has_scheme(text))
    )


def _has_scheme(text: str) -> bool:
    return "earer " in text or "asic " in text or "oken " in text or "EARER " in text or "ASIC " in text


def _without_credentials(found: re.Match[str]) -> str:
    """What follows the name of a scheme is often only the next word of a sentence."""
    scheme, said = found[2].lower(), found[3]
    if scheme == "basic":
        try:
            is_secret = b":" in b64decode(said[: len(said) // 4 * 4])
        except ValueError:
            is_secret = False
    else:
        is_secret = scheme == "bearer" or len(said) >= 20 or any(one.isdigit() or one == "=" for one in said)
    return f"{found[1]}{FILTERED}" if is_secret else found[0]


def _without_cards(found: re.Match[str]) -> str:
    return replace_cards(found[0], FILTERED)


def _is_of_a_table(text: str, pair: re.Match[str]) -> bool:
    """Whether a sentence speaks of a key that opens nothing: `primary key: id`, `no such key: 'name'`."""
    return pair[2] in ("key", "keys") and _TABLE.search(text, max(0, pair.start() - 20), pair.start()) is not None


def _value(text: str, pair: re.Match[str], rule: str, only_quoted: bool) -> tuple[int, int]:
    """Where the value after a name begins and ends, without its quotes."""
    at = pair.end()
    quoted = _QUOTED.match(text, at) or _ESCAPED.match(text, at)
    if quoted is not None:
        return quoted.span(2)
    if only_quoted:
        return at, at
    if text.startswith(FILTERED, at):
        return at, at
    if text[at : at + 1] in ("{", "[", "("):
        return at, _closing(text, at)
    before = text[pair.start() - 1 : pair.start()] if pair.start() else ""
    if rule == "cookie" and text[pair.end() - 1] in ": \t":
        return at, _end(_LINE, text, at)
    if before in ("?", "&") or (pair.start() == 0 and "&" in text):
        return at, _end(_PARAMETER, text, at)
    return at, _end(_BARE, text, at)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _closing(text: str, at: int) -> int:
    """Where the bracket at `at` is closed; the end of the text when it is not."""
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[0] in "[({" else -1
        if depth <= 0:
            return bracket.end()
    return len(text)


def _is_harmless(text: str, begin: int, end: int, name: str, rule: str) -> bool:
    """Whether a value says nothing, counts, or only is where one will be put in: `?`, `%s`, `$1`, `:name`."""
    value = text[begin : min(end, begin + 20)]
    if value.lower() in _NO_VALUE or value.startswith(("%s", "%(", "%d", "{}", "$1", "$2")):
        return True
    if value.isdigit() and end - begin < len(value) + 1:
        return is_spared(name, rule, int(value))
    return value[:1] == ":" and value[1:2].isalpha()
