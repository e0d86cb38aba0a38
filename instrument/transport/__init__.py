"""How bytes leave: `send(body)` gives an `Answer`, whatever happens, and `close()` breaks off what is under way.

The side door `http` is for what goes to a server; a program whose traces stay on the machine has no use for it.
"""

from .base import Answer, Transport
from .file import FileTransport
from .memory import MemoryTransport

__all__ = ["Answer", "FileTransport", "MemoryTransport", "Transport"]
