"""What is said to those who have recorded nothing yet."""

from typing import Final

__all__ = ["NOTHING_YET"]

NOTHING_YET: Final = """\
There are no traces in {path} yet.

Record one:

  import instrument

  instrument.init()
  with instrument.transaction(op="task", name="first steps"):
      with instrument.span("work", "something slow"):
          ...

Or see a real one: instrument demo"""
