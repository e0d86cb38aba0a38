"""The default destination: one SQLite file that all programs of a user share.

`Writer` takes batches of event payloads; `Reader`, at the side door `reading`, answers questions. Both work on the same
file at the same time, in any number of processes. What is too old or too much leaves by itself.
"""

from .failures import StoreBusy, StoreDamaged, StoreError, StoreFailed
from .schema import FILE_NAME
from .writer import Writer

__all__ = ["FILE_NAME", "StoreBusy", "StoreDamaged", "StoreError", "StoreFailed", "Writer"]
