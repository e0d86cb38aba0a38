"""How bytes leave: `send(body)` gives an `Answer`, whatever happens, and `close()` breaks off what is under way."""

from .base import Answer, Transport
from .file import FileTransport
from .http import HttpTransport
from .memory import MemoryTransport

__all__ = ["Answer", "FileTransport", "HttpTransport", "MemoryTransport", "Transport"]
