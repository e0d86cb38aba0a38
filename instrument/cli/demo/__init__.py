"""Run a traced program of two processes that indexes Python's standard library, and show what was recorded.

The program is worth reading: `indexer` is the process that you started, `service` the other one; `library` chooses the
files, `second_process` starts and ends the service, `report` says at the end what was recorded.
"""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
