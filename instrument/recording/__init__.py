"""What happened, as data, and the context it happened in.

`span` and `begin_transaction` start things, `HUB` gives what is finished to a `Sink`, `Scope` holds what belongs to
everything in one unit of work. Nothing in here knows where items go.
"""

from .blocks import ScopeBlock, SuppressBlock, unrecorded
from .breadcrumb import breadcrumb
from .capture import LogEntry, capture_error, capture_given, capture_text
from .copies import copied
from .current import get_scope, loosen_scope, set_span, swap_scope, unusual
from .decorate import decorate
from .event import ErrorEvent, Event, TransactionEvent, count_event, spans_of
from .failure import note_of, stand_for
from .held import Held
from .hub import HUB, NOOP_SINK, Hub, NoopSink, Sink
from .moment import nanoseconds
from .noop import NOOP_SPAN, NoopSpan, NoopTransaction, is_suppressed
from .opening import begin_transaction
from .recipe import SpanRecipe
from .remote import continue_here, header_lines
from .scope import Scope
from .span import Span, Transaction, get_span, here, start_span
from .stacktrace import FrameRules
from .status import status_of_http
from .suspended import guard_collector
from .trace import Trace
from .values import plain, plain_mapping, text
from .verbs import TransactionBlock, span, traced, transaction

__all__ = [
    "HUB",
    "NOOP_SINK",
    "NOOP_SPAN",
    "ErrorEvent",
    "Event",
    "FrameRules",
    "Held",
    "Hub",
    "LogEntry",
    "NoopSink",
    "NoopSpan",
    "NoopTransaction",
    "Scope",
    "ScopeBlock",
    "Sink",
    "Span",
    "SpanRecipe",
    "SuppressBlock",
    "Trace",
    "Transaction",
    "TransactionBlock",
    "TransactionEvent",
    "begin_transaction",
    "breadcrumb",
    "capture_error",
    "capture_given",
    "capture_text",
    "continue_here",
    "copied",
    "count_event",
    "decorate",
    "get_scope",
    "get_span",
    "guard_collector",
    "header_lines",
    "here",
    "is_suppressed",
    "loosen_scope",
    "nanoseconds",
    "note_of",
    "plain",
    "plain_mapping",
    "set_span",
    "span",
    "spans_of",
    "stand_for",
    "start_span",
    "status_of_http",
    "swap_scope",
    "text",
    "traced",
    "transaction",
    "unrecorded",
    "unusual",
]
