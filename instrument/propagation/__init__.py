"""A trace enters and leaves a process as headers.

`read_headers` turns what a caller sent into a `TraceContext`; `write_headers` makes what the next service is sent.
Sentry's `sentry-trace` and `baggage` and W3C's `traceparent` and `tracestate` are read and written. Whatever a stranger
sends costs little, raises nothing and is never passed on unchecked.
"""

from .baggage import merge_baggage
from .context import TraceContext
from .environment import read_environment, write_environment
from .incoming import read_headers
from .outgoing import HeaderWriter, html_meta, is_target, write_headers
from .sampling_context import sample_rand, sampling_context

__all__ = [
    "HeaderWriter",
    "TraceContext",
    "html_meta",
    "is_target",
    "merge_baggage",
    "read_environment",
    "read_headers",
    "sample_rand",
    "sampling_context",
    "write_environment",
    "write_headers",
]
