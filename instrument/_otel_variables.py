"""The variables of OpenTelemetry that say something about our options too.

OpenTelemetry's rule for all of them: an empty one is one that is not set.
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from . import _guard
from ._value import Value, made

__all__ = ["OtlpSettings", "address_parts", "otel_options", "otlp_settings", "traces_address"]

EXPORTERS = {"otlp": ("otlp",), "console": ("console",), "none": ()}
FORMATS = {"tracecontext": "w3c", "sentry": "sentry", "baggage": None, "none": None}
PREFIX = "OTEL_EXPORTER_OTLP_"
PARENT_FIRST = "parentbased_"
"""How samplers begin that decide only where the caller has not."""


class FixedRate(Value):
    """A `traces_sampler` that has one answer for all traces, whatever their callers have decided."""

    rate: float

    def __call__(self, context: Mapping[str, Any]) -> float:
        """The rate."""
        return self.rate


class OtlpSettings(Value):
    """How an OTLP receiver is reached, as far as variables say. `timeout` is in seconds."""

    url: str | None = None
    headers: dict[str, str] = made(dict)
    timeout: float = 10.0
    gzip: bool = False
    encoding: str = "protobuf"
    certificate: str | None = None
    client_key: str | None = None
    client_certificate: str | None = None
    is_grpc: bool = False
    """Whether a protocol is asked for that is not spoken here."""
    resource: dict[str, str] = made(dict)
    """What the environment says of this process, beside what there are options for."""

    def _shown(self, name: str) -> str:
        return "..." if name == "headers" else super()._shown(name)


def otlp_settings(environ: Mapping[str, str]) -> OtlpSettings:
    """Read OTEL_EXPORTER_OTLP_*; what is set for traces alone wins."""

    def variable(name: str) -> str:
        return (environ.get(f"{PREFIX}TRACES_{name}") or environ.get(PREFIX + name) or "").strip()

    compression = variable("COMPRESSION").lower()
    if compression not in ("", "none", "gzip"):
        _ignored(PREFIX + "COMPRESSION", "gzip or none")
    protocol = variable("PROTOCOL").lower()
    if protocol not in ("", "http/protobuf", "http/json", "grpc"):
        _ignored(PREFIX + "PROTOCOL", "http/protobuf or http/json")
    return OtlpSettings(
        url=_url(environ),
        headers=_pairs(PREFIX + "HEADERS", variable("HEADERS")),
        timeout=_milliseconds(variable("TIMEOUT")),
        gzip=compression == "gzip",
        encoding="json" if protocol == "http/json" else "protobuf",
        certificate=variable("CERTIFICATE") or None,
        client_key=variable("CLIENT_KEY") or None,
        client_certificate=variable("CLIENT_CERTIFICATE") or None,
        is_grpc=protocol == "grpc",
        resource=_pairs("OTEL_RESOURCE_ATTRIBUTES", environ.get("OTEL_RESOURCE_ATTRIBUTES", "")),
    )


def traces_address(base: str) -> str:
    """Where a receiver with this base address takes traces: below it, unless the address says so itself."""
    return base if base.partition("?")[0].rstrip("/").endswith("/v1/traces") else _below(base)


def _below(base: str) -> str:
    place, mark, query = base.partition("?")
    return f"{place.rstrip('/')}/v1/traces{mark}{query}"


def _url(environ: Mapping[str, str]) -> str | None:
    """The address for traces: one made for them is taken as it is, to a common one `v1/traces` is always added."""
    own = _address(environ, PREFIX + "TRACES_ENDPOINT")
    if own is not None:
        return (own if own.path else own._replace(path="/")).geturl()
    base = _address(environ, PREFIX + "ENDPOINT")
    return _below(base.geturl()) if base is not None else None


def _address(environ: Mapping[str, str], variable: str) -> SplitResult | None:
    text = environ.get(variable, "").strip()
    parts = address_parts(text)
    if text and parts is None:
        _ignored(variable, "an address such as http://localhost:4318")
    return parts


def address_parts(given: Any) -> SplitResult | None:
    """The parts of an address that requests can be sent to; `None` when it is none."""
    try:
        parts = urlsplit(given.strip())
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (AttributeError, ValueError):
        return None
    return parts if is_whole and parts.geturl().isprintable() and " " not in parts.geturl() else None


def _milliseconds(text: str) -> float:
    if not text:
        return 10.0
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        _ignored(PREFIX + "TIMEOUT", "a whole number of milliseconds")
        return 10.0
    return int(text) / 1000


def _pairs(variable: str, text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        key, separator, value = part.partition("=")
        if separator and key.strip():
            found[unquote(key.strip())] = unquote(value.strip())
        elif part.strip():
            _ignored(variable, "pairs such as key=value,other=value; the others are kept", "one part of ")
    return found


def otel_options(environ: Mapping[str, str], known: Container[str]) -> dict[str, Any]:
    """Values that OpenTelemetry's variables give for those of our options that are not `known` already."""
    resource = _pairs("OTEL_RESOURCE_ATTRIBUTES", environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    found: dict[str, Any] = {
        "service_name": resource.get("service.name"),
        "release": resource.get("service.version"),
        "environment": resource.get("deployment.environment.name") or resource.get("deployment.environment"),
        "server_name": resource.get("host.name"),
    }
    readers: dict[str, Callable[[Mapping[str, str]], Any]] = {
        "traces_sample_rate": _rate,
        "propagate": _formats,
        "exporter": _exporter,
    }
    found.update({name: reader(environ) for name, reader in readers.items() if name not in known})
    rate = found.get("traces_sample_rate")
    if rate is not None and "traces_sampler" not in known and not _sampler(environ).startswith(PARENT_FIRST):
        found["traces_sampler"] = FixedRate(rate)
    return {name: value for name, value in found.items() if name not in known and value is not None and value != ""}


def _sampler(environ: Mapping[str, str]) -> str:
    return environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()


def _rate(environ: Mapping[str, str]) -> float | None:
    sampler = _sampler(environ).removeprefix(PARENT_FIRST)
    if sampler == "traceidratio":
        try:
            rate = float(environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or 1.0)
        except ValueError:
            rate = math.nan
        if 0.0 <= rate <= 1.0:
            return rate
        _ignored("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1")
    elif sampler and sampler not in ("always_on", "always_off"):
        _ignored("OTEL_TRACES_SAMPLER", f"always_on, always_off, traceidratio, or one of these after {PARENT_FIRST}")
    return {"always_on": 1.0, "always_off": 0.0}.get(sampler)


def _formats(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    words = _words(environ.get("OTEL_PROPAGATORS", ""))
    if not words:
        return None
    unknown = [word for word in words if word not in FORMATS]
    if unknown:
        _ignored("OTEL_PROPAGATORS", "tracecontext, baggage, sentry and none", f"{len(unknown)} of the names in ")
    if len(unknown) == len(words):
        return None
    return tuple(name for word in words if (name := FORMATS.get(word)) is not None)


def _exporter(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    words = _words(environ.get("OTEL_TRACES_EXPORTER", ""))
    known = [word for word in words if word in EXPORTERS]
    if len(known) < len(words):
        _ignored("OTEL_TRACES_EXPORTER", "otlp, console or none")
    if known:
        return tuple(name for word in known for name in EXPORTERS[word])
    return ("otlp",) if _url(environ) else None


def _words(text: str) -> list[str]:
    return [word for part in text.lower().split(",") if (word := part.strip())]


def _ignored(variable: str, right: str, part: str = "") -> None:
    _guard.say(f"variable {variable}", f"{part}{variable} is ignored: right would be {right}")
