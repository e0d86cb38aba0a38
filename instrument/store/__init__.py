"""The default destination: one SQLite file that all programs of a user share.

`Writer` takes batches of event payloads, `Reader` answers questions; both work on the same file at the same time, in
any number of processes. What is too old or too much leaves by itself.
"""

from .failures import AmbiguousTrace, StoreBusy, StoreDamaged, StoreError, StoreFailed
from .reader import Reader
from .schema import FILE_NAME
from .tree import walk
from .values import ErrorRecord, SpanNode, Trace, TraceSummary, TransactionRecord
from .writer import Writer

__all__ = [
    "FILE_NAME",
    "AmbiguousTrace",
    "ErrorRecord",
    "Reader",
    "SpanNode",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreFailed",
    "Trace",
    "TraceSummary",
    "TransactionRecord",
    "Writer",
    "walk",
]
