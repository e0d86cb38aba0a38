"""The side door of the store, for those who read it: a program that records has no use for this."""

from .failures import AmbiguousTrace
from .reader import Reader
from .times import read_duration, read_moment
from .tree import walk
from .values import ErrorRecord, SpanNode, Trace, TraceSummary, TransactionRecord

__all__ = [
    "AmbiguousTrace",
    "ErrorRecord",
    "Reader",
    "SpanNode",
    "Trace",
    "TraceSummary",
    "TransactionRecord",
    "read_duration",
    "read_moment",
    "walk",
]
