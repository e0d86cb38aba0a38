"""The options of `init`: for each its default, its kind, the variables that hold it and what it does.

A value given in code beats the environment, `INSTRUMENT_X` beats the variables of other tools, and those beat the
default. This is the only module that reads the environment.
"""

from __future__ import annotations

import os
import pathlib
import re
import reprlib
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from . import _guard
from . import _option_kinds as kinds
from ._option_kinds import ScrubRules
from ._option_names import unknown_option
from ._otel_variables import OtlpSettings, address_parts, otel_options, otlp_settings, traces_address
from ._value import Field, Value, evolve, fields
from .dsn import Dsn
from .errors import BadDsn, BadOption, UnknownOption

__all__ = [
    "HEALTH_CHECKS",
    "Options",
    "OtlpSettings",
    "ScrubRules",
    "address_parts",
    "ca_certificates",
    "environment_name",
    "incoming_environment",
    "otlp_environment",
    "proxy_for",
    "release_name",
    "state_folder",
    "traces_address",
]

MIB = 1024 * 1024
HEALTH_CHECKS = re.compile(
    r"\A(?:[A-Z]{1,10} )?/(?:api/|actuator/|-/)?"
    r"(?:healthz?|healthy|health[-_]?check|livez?|liveness|readyz?|readiness|ping|heartbeat|__(?:lb)?heartbeat__)"
    r"(?:/(?:live|liveness|ready|readiness))?/?\Z"
)
"""Names of transactions that only ask whether the program is alive."""


_CREDENTIALS = re.compile(r"://[^/@\s]{1,400}@")
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 1000


def _shown(value: Any) -> str:
    """A value as an error message shows it: short, and without what stands before the @ of an address."""
    try:
        text = _repr.repr(value)
    except ValueError:
        text = f"<{type(value).__name__}>"
    return _CREDENTIALS.sub("://***@", text)[:200]


def _host_name() -> str:
    """What `socket.gethostname` says. That module costs two milliseconds to import."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket

    return socket.gethostname()


class Option(Field):
    """One option. `also`: variables beside INSTRUMENT_X, in their order; `none`: `None` is a value like any."""

    __slots__ = ("also", "help", "kind", "none")

    def __init__(self, default: Any, kind: kinds.Kind, help: str, also: tuple[str, ...], none: bool) -> None:
        super().__init__(None, make=default) if callable(default) else super().__init__(default)
        self.kind = kind
        self.help = help
        self.also = also
        self.none = none


def option(default: Any, kind: kinds.Kind, help: str, *, also: tuple[str, ...] = (), none: bool = False) -> Any:
    """One option; a default that can be called makes the value."""
    return Option(default, kind, help, also, none)


class Options(Value):
    """What `init` was told, checked and complete. `Options.read` makes one."""

    dsn: Dsn | None = option(
        None,
        kinds.DSN,
        "Address of the Sentry project that gets everything. Empty text: nothing is delivered.",
        also=("SENTRY_DSN",),
    )
    exporter: tuple[Any, ...] | None = option(
        None, kinds.EXPORTERS, "One or several destinations, as objects or names. Overrides `dsn`. Empty: none."
    )
    integrations: tuple[Any, ...] = option((), kinds.INTEGRATIONS, "Patches by name, or configured ones.")
    default_integrations: bool = option(True, kinds.FLAG, "Whether libraries are patched when they are imported.")

    traces_sample_rate: float | None = option(
        1.0,
        kinds.RATE_OR_NONE,
        "Share of new traces to record, 0 to 1. None only passes ids on.",
        also=("SENTRY_TRACES_SAMPLE_RATE",),
        none=True,
    )
    traces_sampler: Callable[[dict[str, Any]], Any] | None = option(
        None, kinds.CALLABLE, "Called for each new transaction with its context; returns a rate or a decision."
    )
    sample_rate: float = option(1.0, kinds.RATE, "Share of errors to send, 0 to 1.", also=("SENTRY_SAMPLE_RATE",))

    environment: str = option("production", kinds.TEXT, "Where the program runs.", also=("SENTRY_ENVIRONMENT",))
    release: str | None = option(
        None,
        kinds.TEXT,
        "Version of the program.",
        also=(
            "SENTRY_RELEASE",
            "HEROKU_BUILD_COMMIT",
            "HEROKU_SLUG_COMMIT",
            "SOURCE_VERSION",
            "CODEBUILD_RESOLVED_SOURCE_VERSION",
            "CIRCLE_SHA1",
            "GAE_DEPLOYMENT_ID",
            "K_REVISION",
        ),
    )
    dist: str | None = option(None, kinds.TEXT, "Distribution of the release.")
    server_name: str = option(_host_name, kinds.TEXT, "Name of the machine.")
    service_name: str | None = option(None, kinds.TEXT, "Name of the service.", also=("OTEL_SERVICE_NAME",))
    org_id: str | None = option(
        None, kinds.ORGANISATION, "Id of the organisation; by default the one in the DSN's host."
    )

    before_send: Callable[..., Any] | None = option(None, kinds.CALLABLE, "Changes an error, or drops it by None.")
    before_send_transaction: Callable[..., Any] | None = option(
        None, kinds.CALLABLE, "Changes a transaction, or drops it by None."
    )
    before_breadcrumb: Callable[..., Any] | None = option(
        None, kinds.CALLABLE, "Changes a breadcrumb, or drops it by None."
    )
    ignore_errors: tuple[Any, ...] = option((), kinds.ERRORS, "Exceptions that are not captured.")
    ignore_transactions: tuple[str | re.Pattern[str], ...] = option(
        (HEALTH_CHECKS,),
        kinds.PATTERNS,
        "Names not recorded: a text is contained, a pattern found. Health checks are added.",
    )
    health_checks: bool = option(False, kinds.FLAG, "Whether requests to well-known health paths are recorded.")

    max_breadcrumbs: int = option(100, kinds.count(), "Breadcrumbs kept for an event.")
    max_spans: int = option(1000, kinds.count(1), "Spans of one transaction before similar ones are folded.")
    include_local_variables: bool = option(True, kinds.FLAG, "Whether frames of errors show local variables.")
    in_app_include: tuple[str, ...] = option((), kinds.NAMES, "Modules that count as the program's own.")
    in_app_exclude: tuple[str, ...] = option((), kinds.NAMES, "Modules that do not.")
    max_request_body_size: str = option(
        "medium", kinds.one_of("never", "small", "medium", "always"), "Bodies to attach: up to 1000 or 10000 bytes."
    )
    send_default_pii: bool = option(False, kinds.FLAG, "Whether data about persons is sent.")
    scrub: kinds.ScrubRules | None = option(
        None, kinds.SCRUB, "Changes to the rules for secrets: a mapping of a rule to False, a pattern or words."
    )

    trace_propagation_targets: tuple[str | re.Pattern[str], ...] | None = option(
        None,
        kinds.PATTERNS,
        "Addresses that get trace headers: a text is contained, a pattern found. None: all.",
        none=True,
    )
    propagate: tuple[str, ...] = option(("sentry", "w3c"), kinds.FORMATS, "Formats of headers, read and written.")
    strict_trace_continuation: bool = option(False, kinds.FLAG, "Continue only traces of our own organisation.")

    on_rate_limit: str = option(
        "hold", kinds.one_of("hold", "drop"), "What happens to events that a server's rate limit keeps back."
    )
    spool_dir: pathlib.Path | None = option(None, kinds.PATH, "Folder for what waits; by default in the state folder.")
    spool_bytes: int = option(64 * MIB, kinds.SIZE, "Bytes that one process may have waiting.")
    spool_total_bytes: int = option(256 * MIB, kinds.SIZE, "Bytes that all processes of a user may have waiting.")
    spool_age: float = option(48 * 3600.0, kinds.SECONDS, "Seconds after which what waits is given up.")
    store_path: pathlib.Path | None = option(None, kinds.PATH, "File of the local store; default in the state folder.")
    store_bytes: int = option(256 * MIB, kinds.SIZE, "Bytes that the local store may grow to.")
    store_age: float = option(7 * 24 * 3600.0, kinds.SECONDS, "Seconds that the local store keeps a trace.")
    http_proxy: str | None = option(None, kinds.TEXT, "Proxy for all servers. Empty: none.")
    https_proxy: str | None = option(None, kinds.TEXT, "Proxy for https servers, before `http_proxy`. Empty: none.")
    ca_certs: pathlib.Path | None = option(None, kinds.PATH, "File of trusted certificates.")
    shutdown_timeout: float = option(2.0, kinds.SECONDS, "Seconds that the end of the program may wait for delivery.")
    debug: bool = option(False, kinds.FLAG, "Whether we log what we do.", also=("SENTRY_DEBUG",))

    @property
    def only_passes_ids(self) -> bool:
        """Whether nothing is recorded at all: neither a rate nor a sampler is configured."""
        return self.traces_sample_rate is None and self.traces_sampler is None

    def told(self, clean: Callable[[str], str]) -> Options:
        """The same with the release and the environment that go with each trace, without secrets and within limits."""
        release, environment = (clean(text) for text in (self.release or "", self.environment))
        # Only now: what the limits change in a secret is not known for one any more.
        return evolve(self, release=release_name(release) or None, environment=environment_name(environment) or "")

    @classmethod
    def read(cls, dsn: str | Dsn | None = None, **options: Any) -> Options:
        """Complete what code gave by the environment and the defaults.

        Raises `BadOption`, `BadDsn` or `UnknownOption` for code's mistakes. A wrong variable is a warning and is
        ignored, except for a DSN: that is a mistake to be seen at once.
        """
        known = fields(cls)
        for name in options:
            if name not in known:
                raise UnknownOption(unknown_option(name, known))
        options["dsn"] = dsn
        given = {}
        for name, one in known.items():
            value = options.get(name)
            if value is not None or (one.none and name in options):
                given[name] = _check(name, one, value)
        return cls(**_completed(given, _from_environment(known, given)))

    def _shown(self, name: str) -> str:
        return _shown(getattr(self, name))


_NOT_IN_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]")


def release_name(given: str) -> str | None:
    """A release as Sentry's server takes it, at most 200 bytes; `None` when it cannot be one."""
    shown = _taken(given, 200)
    return None if shown in ("", ".", "..") else shown


def environment_name(given: str) -> str | None:
    """An environment as Sentry's server takes it, at most 64 bytes; `None` when it cannot be one."""
    shown = _taken(given, 64)
    return None if shown.lower() in ("", ".", "..", "none") else shown


def _taken(given: str, size: int) -> str:
    return _NOT_IN_NAME.sub("-", given.strip()).encode("utf-8", "replace")[:size].decode("utf-8", "ignore").strip()


def _check(name: str, one: Option, value: Any) -> Any:
    if value is None:
        return None
    try:
        return one.kind.check(value)
    except BadDsn:
        raise
    except ValueError as error:
        raise BadOption(f"{name}={_shown(value)} cannot be used: it must be {error}") from None


def _from_environment(options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """What variables say about the options that code did not give. A destination in code shuts out all of theirs."""
    known = {*given, *(("exporter",) if "dsn" in given else ())}
    if "exporter" in given and not any(map(_is_sentry, given["exporter"])):
        known.add("dsn")
    found: dict[str, Any] = {}
    for name, one in options.items():
        if name in known:
            continue
        for variable in (f"INSTRUMENT_{name.upper()}", *one.also):
            text = os.environ.get(variable)
            if text is None or not (text.strip() or name == "dsn"):
                continue
            try:
                found[name] = one.kind.read(text.strip())
                break
            except BadDsn as error:
                raise BadDsn(f"variable {variable}: {error}") from None
            except ValueError as error:
                message = f"variable {variable}={_shown(text)} is ignored: {name} must be {error}"
                _guard.say(f"variable {variable}", message)
    if found.get("dsn") is None and "sentry" in found.get("exporter", ()):
        _guard.say("variable INSTRUMENT_EXPORTER", "sentry in INSTRUMENT_EXPORTER is ignored: it needs SENTRY_DSN too")
        rest = tuple(one for one in found.pop("exporter") if one != "sentry")
        found.update({"exporter": rest} if rest else {})
    known.update(found, ("exporter",) if "dsn" in found else ())
    return {**otel_options(os.environ, known), **found}


def _completed(given: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Both together, with what follows from them: an empty DSN means no destination at all."""
    options = {**found, **given}
    if "dsn" in options and options["dsn"] is None:
        options.setdefault("exporter", ())
    options["dsn"] = _address(options)
    checks = () if options.get("health_checks") else (HEALTH_CHECKS,)
    options["ignore_transactions"] = (*options.get("ignore_transactions", ()), *checks)
    if options.get("org_id") is None and options["dsn"] is not None:
        options["org_id"] = options["dsn"].org_id
    return options


def _is_sentry(exporter: Any) -> bool:
    return type(exporter) is str and exporter == "sentry"


def _address(options: Mapping[str, Any]) -> Dsn | None:
    """The project that events go to: the first that an exporter names, whichever option it was given by."""
    for one in options.get("exporter") or ():
        # Of an exporter of the program's own nothing is asked.
        is_ours = type(one).__module__ == f"{__package__}.exporters"
        named = getattr(one, "dsn", None) if is_ours else options.get("dsn") if _is_sentry(one) else None
        if isinstance(named, Dsn):
            return named
    return options.get("dsn")


def state_folder() -> pathlib.Path:
    """Where this user's programs keep what outlives them. It is not created here."""
    chosen = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(chosen):
        return pathlib.Path(chosen) / "instrument"
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        import tempfile

        return pathlib.Path(tempfile.gettempdir()) / f"instrument-{os.getuid() if hasattr(os, 'getuid') else 0}"
    if sys.platform == "darwin":
        return pathlib.Path(home, "Library", "Application Support", "instrument")
    if sys.platform == "win32":
        return pathlib.Path(os.environ.get("LOCALAPPDATA") or home, "instrument")
    return pathlib.Path(home, ".local", "state", "instrument")


def incoming_environment() -> dict[str, str]:
    """The variables by which a parent process hands its trace on, for `propagation.read_environment`."""
    names = ("SENTRY_TRACE", "SENTRY_BAGGAGE", "SENTRY_USE_ENVIRONMENT")
    return {name: os.environ[name] for name in names if name in os.environ}


def process_environment() -> dict[str, str]:
    """A copy of the environment, for a child process."""
    return dict(os.environ)


def tell_program(variables: Mapping[str, str]) -> None:
    """Put variables into the environment of the program that this process, just forked, is about to become."""
    for name, value in variables.items():
        os.putenv(name, value)


def otlp_environment() -> OtlpSettings:
    """How the environment says an OTLP receiver is reached."""
    return otlp_settings(os.environ)


def ca_certificates(options: Options) -> str | None:
    """The file of certificates to trust: the option, SSL_CERT_FILE, REQUESTS_CA_BUNDLE; `None`: the usual ones."""
    chosen = str(options.ca_certs) if options.ca_certs else ""
    return chosen or os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE") or None


def proxy_for(url: str, options: Options) -> str | None:
    """The proxy on the way to `url`: the options, else the usual variables unless NO_PROXY names the host."""
    address = urlsplit(url)
    secure = address.scheme == "https"
    for chosen in (options.https_proxy if secure else None, options.http_proxy):
        if chosen is not None:
            return chosen or None
    if _is_direct(address.hostname or "", address.port):
        return None
    # In a CGI program HTTP_PROXY is what the client sent as the header `Proxy`.
    plain = ("http_proxy",) if "REQUEST_METHOD" in os.environ else ("http_proxy", "HTTP_PROXY")
    for name in (*(("https_proxy", "HTTPS_PROXY") if secure else ()), *plain, "all_proxy", "ALL_PROXY"):
        if name in os.environ:
            return os.environ[name] or None
    return None


def _is_direct(host: str, port: int | None) -> bool:
    for part in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(","):
        entry = part.strip().lower().removesuffix(f":{port}").lstrip(".")
        if entry == "*" or (entry and (host == entry or host.endswith("." + entry))):
            return True
    return False
