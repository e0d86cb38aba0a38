"""instrument: traces of what a Python program does, for the price of nothing.

    import instrument
    from instrument import span, traced, transaction

    instrument.init()                                  # traces land in a local file, `instrument view` shows them

    @traced(op="task")
    def process_item(item):
        with span("encode", "parse avatar images") as s:
            s.set_data("bytes", len(item))

    with transaction(op="job", name="nightly"):
        process_item(b"...")

How the data flows, from left to right; what each room may know lies below it:

    user code -> api -> recording -> client (processing) -> wire -> export (spool, sender) -> transport -> a server
                           ^                                                             \\-> store  -> viewer, cli
        propagation brings a trace in and takes it out; patches and middleware are user code that we wrote

PYTEST_DONT_REWRITE: pytest finds our fixture here, also where `instrument run` has imported the package before it.
"""

from ._books import Stats
from .api import (
    add_breadcrumb,
    capture_event,
    capture_exception,
    capture_message,
    configure_scope,
    continue_trace,
    flush,
    get_current_hub,
    get_current_scope,
    get_current_span,
    get_current_transaction,
    isolated_scope,
    push_scope,
    set_context,
    set_extra,
    set_tag,
    set_user,
    span,
    start_transaction,
    stats,
    suppress,
    trace_headers,
    trace_meta,
    traced,
    transaction,
)
from .client import Client
from .errors import BadDsn, BadOption, InstrumentError, UnknownOption
from .recording import Hub, Scope, Span, Transaction
from .startup import close, init, patch, patches, unpatch

__all__ = [
    "BadDsn",
    "BadOption",
    "Client",
    "Hub",
    "InstrumentError",
    "Scope",
    "Span",
    "Stats",
    "Transaction",
    "UnknownOption",
    "add_breadcrumb",
    "capture_event",
    "capture_exception",
    "capture_message",
    "close",
    "configure_scope",
    "continue_trace",
    "flush",
    "get_current_hub",
    "get_current_scope",
    "get_current_span",
    "get_current_transaction",
    "init",
    "isolated_scope",
    "patch",
    "patches",
    "push_scope",
    "set_context",
    "set_extra",
    "set_tag",
    "set_user",
    "span",
    "start_transaction",
    "stats",
    "suppress",
    "trace_headers",
    "trace_meta",
    "traced",
    "transaction",
    "unpatch",
]
