"""How the house is put together: options -> exporters and stages -> client -> hub -> patches. And taken apart again."""

from __future__ import annotations

import atexit
import logging
from typing import TYPE_CHECKING, Any

from . import _guard
from ._books import Books
from ._value import evolve
from .client import Client
from .dsn import Dsn
from .errors import BadOption
from .options import Options, incoming_environment
from .patches import PatchState, apply, listing, remove, select, settle
from .propagation import read_environment
from .recording import HUB, Scope, Trace, guard_collector

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._option_types import InitOptions

__all__ = ["close", "init", "patch", "patches", "unpatch"]


def init(dsn: str | Dsn | None = None, **options: Unpack[InitOptions]) -> Client:
    """Configure the process. May be called again: the last call wins, and the former client is flushed and closed.

    `dsn` is the address of a Sentry project; without one traces land in a local file that `instrument list` shows. The
    options are those of `instrument.options.Options`; for each there is a variable `INSTRUMENT_<NAME>`, and code beats
    the environment.

        >>> client = init(release="shop@1.4.0", environment="staging")

    Raises `BadDsn` or `BadOption` for a value that cannot be used and `UnknownOption` for a name that does not exist.
    The former client then stays at work.
    """
    # Imported here: a program that never calls `init` has no use for what delivers.
    from .exporters import destination, parted
    from .processing import pipeline

    settings = Options.read(dsn, **options)
    if options.get("integrations") is None:
        settings = evolve(settings, integrations=_known(settings.integrations))
    chosen = select(settings.integrations, defaults=settings.default_integrations)
    books = Books()
    exporter, keeps_books = destination(settings, books)
    steps = pipeline(settings)
    settings = settings.told(HUB.clean)
    client = Client(settings, steps, exporter, books, exporter_keeps_books=keeps_books)
    former = HUB.client
    scope = _process_scope()
    HUB.install(client, settings, books, scope=scope)
    scope.clear()  # it was made for as many breadcrumbs as the former options allowed
    if isinstance(former, Client):
        former.exporter = parted(former.exporter, exporter)
    former.close(settings.shutdown_timeout)
    if settings.debug:
        _show_log()
    for one in getattr(exporter, "exporters", (exporter,)):
        if hasattr(one, "rouse"):
            one.rouse()
    guard_collector()
    settle(chosen, init)
    atexit.unregister(_at_exit)
    atexit.register(_at_exit)
    return client


def close(timeout: float | None = None) -> bool:
    """Deliver what is there within `timeout` seconds, and take nothing more. Whether all was taken.

    What is still open is counted as dropped, for the reason "unfinished".
    """
    HUB.retire()
    return HUB.client.close(timeout)


def _at_exit() -> None:
    HUB.tell_storms()
    client = HUB.client
    if isinstance(client, Client) and not client.is_closed:
        client.leave(HUB.options.shutdown_timeout)


def _known(names: tuple[Any, ...]) -> tuple[Any, ...]:
    """Those patches that a variable names and that there are."""
    found = []
    for name in names:
        try:
            select([name], defaults=False)
        except BadOption as error:
            _guard.say(f"patch {name}", f"a part of variable INSTRUMENT_INTEGRATIONS is ignored: {error}")
        else:
            found.append(name)
    return tuple(found)


def _process_scope() -> Scope:
    """The scope of the process: in the trace of the process that started this one, if it handed one on."""
    incoming = _guard.guarded("environment", None, read_environment, incoming_environment())
    return Scope(HUB, Trace(HUB, incoming) if incoming is not None else None)


def _show_log() -> None:
    _guard.logger.setLevel(logging.DEBUG)
    if not logging.getLogger().hasHandlers() and not _guard.logger.handlers:
        _guard.logger.addHandler(logging.StreamHandler())


def patch(*names: str) -> None:
    """Apply automatic patches by the names of their libraries, all when none is named.

    At once, or when the library is imported; twice is once. Raises `ValueError` for a name that has no patch.

        >>> patch("http.client")
    """
    apply(names)


def unpatch(*names: str) -> None:
    """Undo patches by name, all when none is named. The libraries are as they were.

    >>> unpatch("http.client")
    """
    remove(names)


def patches() -> list[PatchState]:
    """Every automatic patch there is: whether it is on, why it is not, how often it was called, how often it failed.

    >>> [state.name for state in patches() if state.state == "on"]
    []
    """
    return listing()
