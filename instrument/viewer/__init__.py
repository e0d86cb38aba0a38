"""A local page over the store's reader: a list of traces, and each of them as a waterfall.

A request goes `server` (sockets, bounds) -> `head` (what is asked) -> `gate` (who asks) -> `answers` (what there is to
say). Nothing that can be asked changes anything.
"""

from .server import PREFERRED_PORT, PortTaken, Viewer

__all__ = ["PREFERRED_PORT", "PortTaken", "Viewer"]
