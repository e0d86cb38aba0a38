"""`instrument doctor`: looks at everything between a span and its destination, and then sends one."""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
