"""The address of a Sentry project: who may send, to which server, for which project."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ._value import Value
from .errors import BadDsn

__all__ = ["Dsn"]

SHAPE = "https://KEY@HOST/PROJECT"
_PORTS = {"http": 80, "https": 443}
_KEY = re.compile(r"[A-Za-z0-9_.~-]{1,128}")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_PATH = re.compile(r"(?:/[A-Za-z0-9_.~%-]+)*")
_PROJECT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ORGANISATION = re.compile(r"o([0-9]{1,20})\.")


class Dsn(Value):
    """A DSN in its parts. It prints without its key; `parse` reads one."""

    scheme: str
    host: str
    """Lower case; an IPv6 address without its brackets."""
    port: int
    path: str
    """What stands between the host and the project: empty, or `/` and segments."""
    public_key: str
    secret: str | None
    project_id: str
    org_id: str | None
    """Digits, when the host names the organisation as Sentry's own hosts do."""

    @classmethod
    def parse(cls, text: str) -> Dsn:
        """Read a DSN; query and fragment are left out. Raises `BadDsn`, without the key in its message."""
        if not isinstance(text, str):
            raise BadDsn(f"dsn: a {type(text).__name__} is no DSN; it is text like {SHAPE}")
        text = text.strip()
        try:
            url = urlsplit(text)
            port = url.port
        except ValueError:
            raise _bad(text, "its host or port cannot be read; a port is a number from 1 to 65535") from None
        path, _, project = url.path.rpartition("/")
        host = (url.hostname or "").lower()
        if url.scheme not in _PORTS:
            raise _bad(text, "it must begin with http:// or https://")
        if not url.username or not _KEY.fullmatch(url.username):
            raise _bad(text, "the public key before the @ is missing or has characters that no key has")
        if url.password and not _KEY.fullmatch(url.password):
            raise _bad(text, "the secret after the public key has characters that no secret has")
        if not _HOST.fullmatch(f"[{host}]" if ":" in host else host):
            raise _bad(text, "the host after the @ is missing or malformed")
        if port == 0:
            raise _bad(text, "a port is a number from 1 to 65535")
        if not _PROJECT.fullmatch(project) or not _PATH.fullmatch(path):
            raise _bad(text, "it must end with /PROJECT, without a slash after it")
        organisation = _ORGANISATION.match(host)
        return cls(
            scheme=url.scheme,
            host=host,
            port=port or _PORTS[url.scheme],
            path=path,
            public_key=url.username,
            secret=url.password or None,
            project_id=str(int(project)) if project.isdigit() else project,
            org_id=organisation.group(1) if organisation else None,
        )

    @property
    def netloc(self) -> str:
        """Host and port as a URL has them: brackets around IPv6, no default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def envelope_url(self) -> str:
        """Where envelopes go."""
        return f"{self.scheme}://{self.netloc}{self.path}/api/{self.project_id}/envelope/"

    def auth_header(self, client: str) -> str:
        """The value of `X-Sentry-Auth`; `client` is NAME/VERSION of the sender."""
        secret = f", sentry_secret={self.secret}" if self.secret else ""
        return f"Sentry sentry_key={self.public_key}, sentry_version=7, sentry_client={client}{secret}"

    def __repr__(self) -> str:
        return f"Dsn({self.scheme}://***@{self.netloc}{self.path}/{self.project_id})"

    __str__ = __repr__


def _bad(text: str, right: str) -> BadDsn:
    return BadDsn(f"dsn: {_hidden(text)!r} cannot be used: {right} (it looks like {SHAPE})")


def _hidden(text: str) -> str:
    """The text without what may be its key: all between the scheme and the last @, and all after a ? or #."""
    scheme, _, rest = text.partition("://")
    if "@" not in rest or not scheme.isalpha() or len(scheme) > 10:
        return "***"
    return f"{scheme}://***@{re.split('[?#]', rest.rpartition('@')[2])[0][:200]}"
