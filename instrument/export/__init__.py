"""When, how many, how often again, and what is lost: from a finished item to an answer.

An exporter is a destination. `Shipping` is the one that outlives faults: it encodes and spools in the caller's thread,
and its `Sender` delivers from the spool in the background.
"""

from .backoff import Backoff
from .console import Console
from .delivery import Clock, Delivery
from .exporter import Exporter, Shipping
from .fanout import Fanout
from .json_lines import JsonLines
from .local import StoreTransport
from .memory import Memory
from .rate_limits import RateLimits
from .record import Kind, Record
from .rejects import Rejects
from .sender import Sender
from .spool import FileSpool, MemorySpool, Source
from .spool_folder import folder_name

__all__ = [
    "Backoff",
    "Clock",
    "Console",
    "Delivery",
    "Exporter",
    "Fanout",
    "FileSpool",
    "JsonLines",
    "Kind",
    "Memory",
    "MemorySpool",
    "RateLimits",
    "Record",
    "Rejects",
    "Sender",
    "Shipping",
    "Source",
    "StoreTransport",
    "folder_name",
]
