"""The options of `init` as a type checker is to see them. No running program needs this module."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, SupportsFloat, TypedDict

from ._option_kinds import ScrubRules

__all__ = ["InitOptions"]

Errors = type[BaseException] | str
Path = str | pathlib.PurePath
Pattern = str | re.Pattern[str]
Rule = bool | Pattern | Iterable[str]


class Destination(Protocol):
    """The least that an exporter is."""

    def export(self, item: Any, /) -> Any:
        """Take a finished transaction or error."""

    def flush(self, timeout: Any, /) -> Any:
        """Wait until all has been taken."""

    def close(self, timeout: Any, /) -> Any:
        """Finish, and take nothing more."""


class Integration(Protocol):
    """The least that a patch is."""

    def install(self) -> Any:
        """Put it on."""

    def uninstall(self) -> Any:
        """Take it off."""


class InitOptions(TypedDict, total=False):
    """What `init` takes by name. `None` is an option that is not given."""

    exporter: Destination | str | Iterable[Destination | str] | None
    integrations: Integration | str | Iterable[Integration | str] | None
    default_integrations: bool | None
    traces_sample_rate: SupportsFloat | None
    traces_sampler: Callable[[dict[str, Any]], Any] | None
    sample_rate: SupportsFloat | None
    environment: str | None
    release: str | None
    dist: str | None
    server_name: str | None
    service_name: str | None
    org_id: int | str | None
    before_send: Callable[..., Any] | None
    before_send_transaction: Callable[..., Any] | None
    before_breadcrumb: Callable[..., Any] | None
    ignore_errors: Errors | Iterable[Errors] | None
    ignore_transactions: Pattern | Iterable[Pattern] | None
    health_checks: bool | None
    max_breadcrumbs: int | None
    max_spans: int | None
    include_local_variables: bool | None
    in_app_include: str | Iterable[str] | None
    in_app_exclude: str | Iterable[str] | None
    max_request_body_size: Literal["never", "small", "medium", "always"] | None
    send_default_pii: bool | None
    scrub: ScrubRules | Mapping[str, Rule] | None
    trace_propagation_targets: Pattern | Iterable[Pattern] | None
    propagate: str | Iterable[str] | None
    strict_trace_continuation: bool | None
    on_rate_limit: Literal["hold", "drop"] | None
    spool_dir: Path | None
    spool_bytes: int | None
    spool_total_bytes: int | None
    spool_age: float | None
    store_path: Path | None
    store_bytes: int | None
    store_age: float | None
    http_proxy: str | None
    https_proxy: str | None
    ca_certs: Path | None
    shutdown_timeout: float | None
    debug: bool | None
